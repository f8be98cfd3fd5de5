#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernel trees:
#	tree.sh base		out/base, the pristine tree
#	tree.sh linux		out/linux, the patched tree
#	tree.sh peer		out/peer, a later kernel, pristine, to measure against
#	tree.sh step NN DIR	DIR, the tree as of series step NN
#	tree.sh stage NN DIR	DIR, only the files that step NN and those before it touch
#	tree.sh index		what each step touches: "NN path-in-this-repository"
#
# The base is Debian's linux-source-6.1, or the archive KERNEL_TARBALL, or the
# tree KERNEL_SRC, which is only read. A file is written only if its content
# changes, so that make rebuilds no more than it must.

. "$(dirname "$0")/lib.sh"

series=$TOP/series

# ---- the base ----

# One line that changes when the base does.
base_id()
{
	local src

	[ -z "${KERNEL_SRC-}" ] || [ -z "${KERNEL_TARBALL-}" ] ||
		die "KERNEL_SRC and KERNEL_TARBALL are both set: which one is it?"
	if [ -n "${KERNEL_SRC-}" ]; then
		[ -d "$KERNEL_SRC" ] || die "KERNEL_SRC=$KERNEL_SRC: no such directory"
		src=$(realpath "$KERNEL_SRC")
		[[ $src/ != "$OUT"/* ]] || die "KERNEL_SRC=$KERNEL_SRC: lies in out/, which we overwrite"
		check_base "$src" "KERNEL_SRC=$KERNEL_SRC"
		echo "tree $src"
	else
		src=${KERNEL_TARBALL:-/usr/src/linux-source-6.1.tar.xz}
		[ -f "$src" ] || die "KERNEL_TARBALL=$src: no such file"
		stat -L -c 'archive %n %s %Y' "$(realpath "$src")"
	fi
}

# check_base DIR NAME: it is a Linux 6.1 source tree.
check_base()
{
	local file

	for file in Makefile mm/mempolicy.c scripts/checkpatch.pl; do
		[ -e "$1/$file" ] || die "$2: not a Linux source tree (no $file)"
	done
	[[ $(tree_version "$1") == 6.1.* ]] ||
		die "$2: Linux $(tree_version "$1"), but the series is for 6.1"
}

# The files get the present time: objects built from another base are older
# then, and make does not take them for good.
unpack() { mkdir "$2" && tar -C "$2" --strip-components=1 --no-same-owner -xmf "$1"; }

copy_source()
{
	mkdir "$2"
	tar -C "$1" --exclude=./.git -cf - . | tar -C "$2" --no-same-owner -xmf -
	# KERNEL_SRC may have been built in place, we build out of tree
	if [ -e "$2/.config" ] || [ -e "$2/include/config" ]; then
		make -C "$2" mrproper
	fi
}

edited_since() { [ -n "$(find "$1" -name .git -prune -o -newer "$2" -print -quit)" ]; }

make_base()
{
	local stamp=$OUT/base.stamp new=$OUT/base.new id src

	need tree
	[ -n "${KERNEL_SRC-}${KERNEL_TARBALL-}" ] || need debian-source
	id=$(base_id)
	if [ -e "$stamp" ] && [ "$(<"$stamp")" = "$id" ]; then
		[ -n "${KERNEL_SRC-}" ] && edited_since "$KERNEL_SRC" "$stamp" || return 0
	fi

	rm -rf "$new"
	if [ -n "${KERNEL_SRC-}" ]; then
		touch "$new.stamp"
		step "copy $KERNEL_SRC" copy_source "$KERNEL_SRC" "$new"
	else
		src=${KERNEL_TARBALL:-/usr/src/linux-source-6.1.tar.xz}
		touch "$new.stamp"
		step "unpack ${src##*/}" unpack "$src" "$new" || {
			rm -rf "$new" "$new.stamp"
			die "$src: not an archive of kernel sources"
		}
		(check_base "$new" "$src") || { rm -rf "$new" "$new.stamp"; exit 1; }
	fi
	rm -rf "$OUT/base" "$stamp"
	mv "$new" "$OUT/base"
	echo "$id" >"$new.stamp.id"
	touch -r "$new.stamp" "$new.stamp.id"
	mv "$new.stamp.id" "$stamp"
	rm "$new.stamp"
	say "out/base is Linux $(tree_version "$OUT/base")"
}

# Debian's latest kernel for this release: the best migrate_pages(2) to be had today.
make_peer()
{
	local archive=/usr/src/linux-source-6.12.tar.xz stamp=$OUT/peer.stamp id

	need tree peer-source
	id=$(stat -L -c 'archive %n %s %Y' "$archive")
	[ ! -e "$stamp" ] || [ "$(<"$stamp")" != "$id" ] || return 0
	rm -rf "$OUT/peer" "$stamp"
	step "unpack ${archive##*/}" unpack "$archive" "$OUT/peer"
	echo "$id" >"$stamp"
	say "out/peer is Linux $(tree_version "$OUT/peer")"
}

# ---- what the steps touch ----

# "NN path" for every file of ours that goes into the kernel, in step order.
# A hunk tells its step by its name, a whole file is listed by one step.
index()
{
	local file nn

	{
		for file in "$series"/[0-9][0-9]-*; do
			[ -e "$file" ] || die "series/: there are no steps"
			nn=${file##*/}
			nn=${nn%%-*}
			[ "$nn" != 00 ] || continue
			echo "step $nn ${file##*/}"
			sed -n "1,/^Files:/d; /./s/^/lists $nn /p" "$file"
		done
		# what is deleted but not committed yet is listed too, hence the test
		git -C "$TOP" -c safe.directory='*' ls-files -co --exclude-standard -- \
			mm include arch kernel lib fs Documentation tools ':(top,glob)*.[0-9][0-9].patch' |
		while read -r file; do
			[ ! -e "$TOP/$file" ] || echo "file $file"
		done
	} | awk '
		function complain(text) { print "error: " text >"/dev/stderr"; bad = 1 }
		$1 == "step" && $2 in step { complain("series: two steps " $2 ": " step[$2] " and " $3) }
		$1 == "step" { step[$2] = $3 }
		$1 == "lists" { lists[$3] = lists[$3] " " $2 }
		$1 != "file" { next }
		match($2, /\.[0-9][0-9]\.patch$/) {
			nn = substr($2, RSTART + 1, 2)
			if (nn in step)
				print nn, $2
			else
				complain($2 ": there is no series/" nn "-*")
			next
		}
		{
			owners = lists[$2]
			used[$2] = 1
			for (dir = $2; sub(/[^\/]+\/?$/, "", dir) && dir != "";) {
				owners = owners lists[dir]
				used[dir] = 1
			}
			n = split(owners, owner, " ")
			if (n == 1)
				print owner[1], $2
			else if (n == 0)
				complain($2 ": in no step, list it under Files: in one of series/*")
			else
				complain($2 ": in several steps:" owners)
		}
		END {
			for (path in lists)
				if (!(path in used))
					complain("series: step" lists[path] " lists " path ", which does not exist")
			exit bad
		}' | sort
}

# ---- the files as of a step ----

# fetch PATH: have the base's PATH in the stage, unless an earlier step left it.
fetch()
{
	[ ! -e "$stage/$1" ] || return 0
	[ -e "$OUT/base/$1" ] || return 1
	mkdir -p "$stage/$(dirname "$1")"
	cp "$OUT/base/$1" "$stage/$1"
}

retire()
{
	local path

	[ -e "$series/retire" ] || return 0
	while read -r path; do
		fetch "$path" || die "series/retire: Linux $version has no $path"
	done < <(awk '!/^#/ && NF { print $1 }' "$series/retire" | sort -u)
	"$TOP/scripts/retire.pl" "$stage" "$series/retire" ||
		die "series/retire does not fit Linux $version"
}

# Exact context at whatever line it has moved to: a hunk that only nearly fits
# is one to look at.
apply_hunk()
{
	local hunk=$1 path=${1%.[0-9][0-9].patch} said nr

	fetch "$path" || die "$hunk: Linux $version has no $path"
	said=$(patch --fuzz=0 --force --no-backup-if-mismatch --reject-file=- \
		"$stage/$path" "$TOP/$hunk") && return
	nr=$(sed -n 's/^Hunk #\([0-9]*\) FAILED.*/\1/p' <<<"$said" | head -n 1)
	if [ -n "$nr" ]; then
		say "$(awk -v nr="$nr" '/^@@/ { n++ } n == nr' "$TOP/$hunk" | sed 's/^/    /')"
		die "$hunk: hunk $nr, shown above, does not apply to $path of Linux $version"
	fi
	die "$hunk: does not apply to $path of Linux $version: $said"
}

add_file()
{
	[ ! -e "$OUT/base/$1" ] ||
		die "$1: Linux $version has this file, change it by $1.NN.patch"
	mkdir -p "$stage/$(dirname "$1")"
	cp "$TOP/$1" "$stage/$1"
}

# A Makefile stands here in its last state. In an earlier step the lines that
# name an object whose source arrives later are left out.
trim_makefile()
{
	local makefile=$1 dir object source
	dir=$(dirname "$makefile")

	while read -r object; do
		for source in "$dir/${object%.o}".[cS]; do
			[ ! -e "$TOP/$source" ] || [ -e "$stage/$source" ] ||
				sed -i "/[[:space:]]${object//./\\.}\([[:space:]]\|$\)/d" "$stage/$makefile"
		done
	done < <(grep -oE '[A-Za-z0-9_-]+\.o\b' "$TOP/$makefile" | sort -u)
}

# The state after step $1 of everything the series touches, in $stage.
fill_stage()
{
	local last=$1 nn path index makefiles=()

	index=$(index) || exit 1
	rm -rf "$stage"
	mkdir -p "$stage"
	[ "$last" = 00 ] || retire
	while read -r nn path; do
		[[ -n $nn && ! $nn > $last ]] || continue
		case $path in
		*.[0-9][0-9].patch) apply_hunk "$path" ;;
		*) add_file "$path" ;;
		esac
		[[ $path != */Makefile ]] || makefiles+=("$path")
	done <<<"$index"
	for path in "${makefiles[@]}"; do
		trim_makefile "$path"
	done
}

# ---- whole trees ----

same() { cmp -s "$1" "$2" && [ "$(stat -c %A "$1")" = "$(stat -c %A "$2")" ]; }

# Never written in place: the tree may share its files with out/base.
replace()
{
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.new"
	mv -f "$2.new" "$2"
}

# sync_tree DIR: the base with the stage laid over it, touching only what differs.
# DIR.stamp knows the base and the files that were laid over it the last time.
sync_tree()
{
	local tree=$1 path changed=0

	while read -r path; do
		if [ ! -e "$OUT/base/$path" ]; then
			rm -f "$tree/$path"
			rmdir -p "$tree/${path%/*}" 2>/dev/null || true
		else
			replace "$OUT/base/$path" "$tree/$path"
		fi
		changed=$((changed + 1))
	done < <(tail -n +2 "$tree.stamp" | while read -r path; do
			[ -e "$stage/$path" ] || echo "$path"
		done)

	(cd "$stage" && find . -type f -printf '%P\n' | sort) >"$tree.files"
	# known before the first is laid, lest an interrupt leaves one unknown
	{ head -n 1 "$tree.stamp"; tail -n +2 "$tree.stamp"; cat "$tree.files"; } >"$tree.stamp.new"
	mv "$tree.stamp.new" "$tree.stamp"
	while read -r path; do
		if ! same "$stage/$path" "$tree/$path"; then
			replace "$stage/$path" "$tree/$path"
			changed=$((changed + 1))
		fi
	done <"$tree.files"
	{ head -n 1 "$tree.stamp"; cat "$tree.files"; } >"$tree.stamp.new"
	mv "$tree.stamp.new" "$tree.stamp"
	rm "$tree.files"
	echo "$changed"
}

# make_tree NN DIR CP-OPTION
make_tree()
{
	local last=$1 tree=$2 id changed

	stage=$OUT/stage
	fill_stage "$last"
	id=$(cksum <"$OUT/base.stamp")-$(stat -c %Y "$OUT/base.stamp")
	if [ ! -e "$tree.stamp" ] || [ "$(head -n 1 "$tree.stamp")" != "$id" ]; then
		rm -rf "$tree" "$tree.stamp"
		mkdir -p "$(dirname "$tree")"
		step "copy out/base to $(short "$tree")" cp "$3" "$OUT/base" "$tree"
		echo "$id" >"$tree.stamp"
	fi
	changed=$(sync_tree "$tree")
	[ "$changed" = 0 ] ||
		say "$(short "$tree") is Linux $version with our $(tail -n +2 "$tree.stamp" | wc -l) files, $changed of them changed"
}

usage() { sed -n '5,10s/^#\t\(tree.sh\)/scripts\/\1/p' "$0" >&2; exit 1; }

mkdir -p "$OUT"
case ${1-}/$# in
base/1 | linux/1 | peer/1 | step/3 | stage/3) ;;
index/1) index; exit ;;
*) usage ;;
esac

# One at a time: tests and builds may ask for the same tree at once.
exec 9>"$OUT/.tree.lock"
flock 9
if [ "$1" = peer ]; then
	make_peer
	exit
fi
make_base
version=$(tree_version "$OUT/base")
case $1 in
linux)	make_tree 99 "$OUT/linux" -a ;;
step)	make_tree "$2" "$(realpath -m "$3")" -al ;;
stage)	stage=$(realpath -m "$3"); fill_stage "$2" ;;
esac
