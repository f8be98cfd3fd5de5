#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernel trees:
#	tree.sh base		out/base, the pristine tree
#	tree.sh linux		out/linux, the patched tree; FORCE=1 gives up edits in it
#	tree.sh refresh		take the edits in out/linux back to this repository
#	tree.sh peer		out/peer, a later kernel, pristine, to measure against
#	tree.sh step NAME DIR	DIR, the tree as of a step of the series
#	tree.sh steps		their names, in order
#	tree.sh index		what each step touches: "NAME path-in-this-repository"
#
# out/git is the repository of out/linux: the tag base, and on it one commit for each
# step, refs/steps/NAME. git tells what has been edited in out/linux, and writes only
# files whose content changes, so that make rebuilds no more than it must.
#
# The base is Debian's linux-source-6.1, or the archive KERNEL_TARBALL, or the
# tree KERNEL_SRC, which is only read.

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

steps() { awk '!/^#/ && NF { print $1 }' "$series/order"; }

# Which part of this repository is no part of a kernel tree.
not_kernel=(':!/.ci' ':!/.gitignore' ':!/COPYING' ':!/Makefile' ':!/README.md' ':!/man'
	    ':!/scripts' ':!/series')

our_files() { git -C "$TOP" -c safe.directory='*' ls-files -co --exclude-standard -- "$@"; }

# "STEP path" for every file of ours that goes into the kernel, in the order of the steps. A
# hunk tells its step by its name, PATH.STEP.patch; series/STEP lists the whole files that
# begin with it. A whole file may have hunks: what later steps add to it.
index()
{
	local file step

	{
		for step in $(steps); do
			[ -e "$series/$step" ] || die "series/order: there is no series/$step"
			echo "step $step"
			sed -n "1,/^Files:/d; /./s/^/lists $step /p" "$series/$step"
		done
		# what is deleted but not committed yet is listed too, hence the test
		{
			our_files :/ "${not_kernel[@]}"
			our_files ':/*.patch'
		} | sort -u | while read -r file; do
			[ ! -e "$TOP/$file" ] || echo "file $file"
		done
	} | awk '
		function complain(text) { print "error: " text >"/dev/stderr"; bad = 1 }
		$1 == "step" { nr[$2] = sprintf("%02d", ++steps) }
		$1 == "lists" { lists[$3] = lists[$3] " " $2 }
		$1 != "file" { next }
		/\.patch$/ {
			step = $2
			sub(/\.patch$/, "", step)
			sub(/.*\./, "", step)
			if (step in nr)
				print nr[step], step, $2
			else
				complain($2 ": series/order has no step " step)
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
				print nr[owner[1]], owner[1], $2
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
		}' | sort -k1,1 -k3,3 | cut -d ' ' -f 2-
}

# ---- the steps as commits ----

# Nobody's settings, and not the repository that a hook may run us in, decide what git does.
name=$(git -C "$TOP" config user.name) || name=
email=$(git -C "$TOP" config user.email) || email=
unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=${name:-nobody} GIT_AUTHOR_EMAIL=${email:-nobody@localhost}
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'

tree=$OUT/linux
repo=$OUT/git

# On out/linux, its repository, and an index that is no matter of out/linux.
linux_git() { git --git-dir="$repo" --work-tree="$tree" "$@"; }
steps_git() { GIT_INDEX_FILE=$repo/steps.index git --git-dir="$repo" "$@"; }

# "path" of what a hunk changes.
hunk_path() { sed -E 's/\.[^./]+\.patch$//' <<<"$1"; }

# What series/retire names for a step, as retire.pl wants it.
retire_list() { awk -v step="$1" '!/^#/ && $1 == step { print $2, $3, $4 }' "$series/retire"; }

retire_files()
{
	"$TOP/scripts/retire.pl" "$2" "$1" || die "series/retire does not fit Linux $version"
}

# Take what series/retire names for this step out of the index.
retire()
{
	local list=$OUT/retire.list dir=$OUT/retire path

	retire_list "$1" >"$list"
	[ -s "$list" ] || return 0
	rm -rf "$dir"
	while read -r path _; do
		mkdir -p "$dir/$(dirname "$path")"
		steps_git cat-file blob ":$path" >"$dir/$path" ||
			die "series/retire: Linux $version has no $path"
	done <"$list"
	retire_files "$list" "$dir"
	while read -r path _; do
		set_file "$path" "$dir/$path"
	done <"$list"
}

# set_file PATH FILE: have the content of FILE at PATH in the index.
set_file()
{
	local mode=100644

	[ ! -x "$2" ] || mode=100755
	steps_git update-index --add --cacheinfo "$mode,$(steps_git hash-object -w "$2"),$1"
}

# Exact context at whatever line it has moved to: a hunk that only nearly fits is one to
# look at.
apply_hunk()
{
	local hunk=$1 path said
	shift

	said=$(steps_git apply --cached --whitespace=nowarn "$@" "$TOP/$hunk" 2>&1) && return
	path=$(hunk_path "$hunk")
	say "    ${said//$'\n'/$'\n'    }"
	die "$hunk: does not apply to $path of Linux $version"
}

# What a step begins with: hunks, and whole files without what later steps add to them.
apply_step()
{
	local step=$1 index=$2 path hunks hunk

	retire "$step"
	while read -r _ path; do
		case $path in
		*.patch)
			apply_hunk "$path" ;;
		*)
			! steps_git cat-file -e ":$path" 2>/dev/null ||
				die "$path: Linux $version has this file, change it by $path.STEP.patch"
			set_file "$path" "$TOP/$path"
			hunks=$(awk -v path="$path" 'index($2, path ".") == 1 && /\.patch$/ { print $2 }' <<<"$index" | tac)
			for hunk in $hunks; do
				apply_hunk "$hunk" -R
			done ;;
		esac
	done < <(awk -v step="$step" '$1 == step' <<<"$index" | sort -k2,2)
}

# The message in a file of series/: all above its list of files.
message() { sed '/^Files:/,$d' "$series/$1"; }

check_message()
{
	message "$1" | awk 'NR == 1 || NR == 3 { want += NF > 0 } NR == 2 { want += NF == 0 }
		END { exit want != 3 }' ||
		die "series/$1: it has to start with a subject, an empty line and a changelog"
}

# One line that changes when the steps do.
steps_id()
{
	{
		cat "$OUT/base.stamp"
		echo "$name $email"
		cat "$TOP/scripts/tree.sh" "$TOP/scripts/retire.pl" "$series"/*
		index | while read -r step path; do
			echo "$step $path $(stat -c %A "$TOP/$path")"
			cat "$TOP/$path"
		done
	} | sha1sum
}

# A commit for each step. Prints the last one.
commit_steps()
{
	local index step commit=base

	index=$(index) || exit 1
	steps_git for-each-ref --format='delete %(refname)' refs/steps | steps_git update-ref --stdin
	steps_git read-tree base
	for step in $(steps); do
		check_message "$step"
		apply_step "$step" "$index"
		commit=$({ message "$step"; echo "Signed-off-by: $GIT_AUTHOR_NAME <$GIT_AUTHOR_EMAIL>"; } |
			steps_git commit-tree -p "$commit" "$(steps_git write-tree)")
		steps_git update-ref "refs/steps/$step" "$commit"
	done
	echo "$commit"
}

# ---- out/linux ----

copy_base()
{
	rm -rf "$tree" "$repo"
	cp -a "$OUT/base" "$tree"
	git init -q --bare "$repo"
	linux_git config core.looseCompression 1
	linux_git config gc.auto 0
	linux_git add -A -f
	linux_git commit -q -m "Linux $version"
	linux_git tag base
}

edits() { linux_git status --porcelain --untracked-files=all --no-renames; }

make_linux()
{
	local base id new changed

	base=$(cksum <"$OUT/base.stamp")-$(stat -c %Y "$OUT/base.stamp")
	if [ ! -e "$repo/swapmig-base" ] || [ "$(<"$repo/swapmig-base")" != "$base" ]; then
		[ ! -e "$repo/swapmig-id" ] || [ -n "${FORCE-}" ] || [ -z "$(edits)" ] ||
			refuse "the base has changed, and"
		step "copy out/base to out/linux" copy_base
		echo "$base" >"$repo/swapmig-base"
	fi
	# an interrupt left files that are no edits
	if [ -n "${FORCE-}" ] || [ -e "$repo/swapmig-laying" ]; then
		linux_git reset -q --hard
		linux_git clean -qfd
	elif [ -n "$(edits)" ]; then
		refuse
	fi
	id=$(steps_id) || exit 1
	[ "$(cat "$repo/swapmig-id" 2>/dev/null)" != "$id" ] || [ -e "$repo/swapmig-laying" ] || return 0
	new=$(commit_steps) || exit 1
	changed=$(linux_git diff --name-only --no-renames HEAD "$new" | wc -l)
	touch "$repo/swapmig-laying"
	linux_git reset -q --hard "$new"
	echo "$id" >"$repo/swapmig-id"
	rm "$repo/swapmig-laying"
	[ "$changed" = 0 ] ||
		say "out/linux is Linux $version with our $(index | wc -l) files and hunks, $changed files changed"
}

refuse()
{
	say "$(edits | sed 's/^.. /    /')"
	die "${1:+$1 }out/linux has been edited, see above: make refresh takes the edits back, make tree FORCE=1 drops them"
}

# ---- from out/linux back here ----

# content COMMIT PATH: to stdout, nothing if it is not there.
content() { linux_git cat-file blob "$1:$2" 2>/dev/null || true; }

# The diff between two files as a hunk of PATH, with no more context than it needs.
make_hunk()
{
	local old=$1 new=$2 path=$3 hunk=$4

	diff -U1 --label "a/$path" --label "b/$path" "$old" "$new" >"$hunk.new" || [ $? = 1 ]
	if [ -s "$hunk.new" ]; then
		mv "$hunk.new" "$hunk"
	else
		rm -f "$hunk.new" "$hunk"
	fi
}

# The steps that change PATH so far, in order.
steps_of()
{
	local step before=base

	for step in $(steps); do
		linux_git diff --quiet "$before" "refs/steps/$step" -- "$1" || echo "$step"
		before=refs/steps/$step
	done
}

# list_file STEP PATH: PATH begins with this step, unless a directory of the list has it.
list_file()
{
	index 2>/dev/null | grep -qxF "$1 $2" || echo "$2" >>"$series/$1"
}

unlist_file()
{
	sed -i "\|^${2//./\\.}\$|d" "$series/$1"
}

in_base() { linux_git cat-file -e "base:$1" 2>/dev/null; }

# The steps that an edit of PATH concerns; an edit that cannot be taken back is refused
# before any is.
owners_of()
{
	local owners

	[ -e "$tree/$1" ] || ! in_base "$1" || die "$1: a step cannot delete a file of the base"
	owners=$(steps_of "$1")
	[ -z "${STEP-}" ] || owners=$(steps | grep -xF -e "$STEP" -e "${owners:-$STEP}")
	[ -n "$owners" ] || die "$1: no step changes it yet, say which one does: make refresh STEP=NAME"
	echo "$owners"
}

# The edit of a file between HEAD and out/linux goes to the step that it belongs to; where
# several change the file, to the first one whose lines it touches.
refresh_file()
{
	local path=$1 owners=$2 dir=$OUT/refresh step first last whole=''

	first=$(head -n 1 <<<"$owners")
	last=$(tail -n 1 <<<"$owners")
	in_base "$path" || whole=1
	if [ ! -e "$tree/$path" ]; then
		rm -f "$TOP/$path" "$TOP/$path".*.patch
		unlist_file "$first" "$path"
		say "    $path is deleted"
		return
	fi

	rm -rf "$dir"
	mkdir -p "$dir"
	content HEAD "$path" >"$dir/old"
	content base "$path" >"$dir/before"
	for step in $owners; do
		content "refs/steps/$step" "$path" >"$dir/now"
		if [ "$step" = "$last" ]; then
			cp "$tree/$path" "$dir/now"
		elif [ -z "${STEP-}" ] || ! steps | sed "/^$STEP\$/,\$d" | grep -qx "$step"; then
			# where the edit is of lines that a later step adds, this one has none
			git merge-file -q --ours "$dir/now" "$dir/old" "$tree/$path"
		fi
		if [ "$whole" ] && [ "$step" = "$first" ]; then
			mkdir -p "$TOP/$(dirname "$path")"
			cp "$tree/$path" "$TOP/$path"
			[ -n "$(steps_of "$path")" ] || list_file "$step" "$path"
		else
			retired "$step" "$path" "$dir/before"
			mkdir -p "$TOP/$(dirname "$path")"
			make_hunk "$dir/before" "$dir/now" "$path" "$TOP/$path.$step.patch"
		fi
		mv "$dir/now" "$dir/before"
	done
	say "    $path: $(tr '\n' ' ' <<<"$owners")"
}

# retired STEP PATH FILE: have in FILE what the step leaves of PATH before its hunk is applied.
retired()
{
	local list=$OUT/retire.list dir=$OUT/retire

	retire_list "$1" | awk -v path="$2" '$1 == path' >"$list"
	[ -s "$list" ] || return 0
	rm -rf "$dir"
	mkdir -p "$dir/$(dirname "$2")"
	cp "$3" "$dir/$2"
	retire_files "$list" "$dir"
	cp "$dir/$2" "$3"
}

refresh()
{
	local paths path new edited
	local -A owners

	[ -e "$repo/swapmig-id" ] || die "there is no out/linux yet: make tree"
	[ -z "${STEP-}" ] || steps | grep -qxF "$STEP" || die "STEP=$STEP: series/order has no such step"
	paths=$(edits | cut -c 4-)
	[ -n "$paths" ] || { say "out/linux has no edits"; return; }
	[ "$(steps_id)" = "$(<"$repo/swapmig-id")" ] ||
		die "both out/linux and this repository have changed since make tree: take one change back (git stash), make refresh, and bring it again"
	for path in $paths; do
		owners[$path]=$(owners_of "$path") || exit 1
	done
	linux_git add -A
	edited=$(linux_git write-tree)
	linux_git reset -q
	for path in $paths; do
		refresh_file "$path" "${owners[$path]}"
	done
	new=$(commit_steps) || exit 1
	[ "$(linux_git rev-parse "$new^{tree}")" = "$edited" ] ||
		die "the steps do not give out/linux: $(linux_git diff --name-only "$new" "$edited" | tr '\n' ' ')"
	linux_git reset -q "$new"
	steps_id >"$repo/swapmig-id"
	say "the edits in out/linux are taken back"
}

# The tree of a step in a directory of its own.
make_step()
{
	local dir=$2

	mkdir -p "$dir"
	GIT_INDEX_FILE=$repo/$(tr / - <<<"${dir#/}").index \
		git --git-dir="$repo" --work-tree="$dir" read-tree -u --reset "refs/steps/$1"
}

usage() { sed -n '5,12s/^#\t\(tree.sh\)/scripts\/\1/p' "$0" >&2; exit 1; }

mkdir -p "$OUT"
case ${1-}/$# in
base/1 | linux/1 | refresh/1 | peer/1 | step/3) ;;
steps/1) steps; exit ;;
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
linux)	 make_linux ;;
refresh) refresh ;;
step)	 make_linux; make_step "$2" "$(realpath -m "$3")" ;;
esac
