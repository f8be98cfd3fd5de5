#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The mail series, in out/series.
#	series.sh			export it and list the patches
#	series.sh --check-apply		and apply it with git am to a pristine base: the
#					result must be out/linux to the byte
#	series.sh --check-build		and compile the tree of every step
# CHECK=apply and CHECK=build mean the same.

. "$(dirname "$0")/lib.sh"

series=$TOP/series
mail=$OUT/series
work=$OUT/steps
git=$work/git

# Nobody's settings, and not the repository a hook may run us in, decide what
# the mails look like; only the name of whoever sends them is asked for.
setup_git()
{
	local name email

	name=$(git -C "$TOP" config user.name) || name='Swap Migration'
	email=$(git -C "$TOP" config user.email) || email='swapmig@localhost'
	unset "${!GIT_@}"
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
	export GIT_AUTHOR_NAME=$name GIT_AUTHOR_EMAIL=$email
	export GIT_COMMITTER_NAME=$name GIT_COMMITTER_EMAIL=$email
	# the same sources give the same mails
	GIT_AUTHOR_DATE=$(git -C "$TOP" -c safe.directory='*' log -1 --format=%cI 2>/dev/null) ||
		GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
	export GIT_AUTHOR_DATE GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
}

steps()
{
	local file

	for file in "$series"/[0-9][0-9]-*; do
		[[ ${file##*/} == 00-* ]] || echo "${file##*/}"
	done
}

# The message in a file of series/: all above its list of files.
message() { sed '/^Files:/,$d' "$1"; }

check_message()
{
	message "$1" | awk 'NR == 1 || NR == 3 { want += NF > 0 } NR == 2 { want += NF == 0 }
		END { exit want != 3 }' ||
		die "$(short "$1"): it has to start with a subject, an empty line and a changelog"
}

# A repository at DIR with one commit: the base, as far as we touch it.
pristine()
{
	local path

	rm -rf "$1"
	mkdir -p "$1"
	while read -r path; do
		[ -e "$OUT/base/$path" ] || continue
		mkdir -p "$1/$(dirname "$path")"
		cp "$OUT/base/$path" "$1/$path"
	done < <(
		"$TOP/scripts/tree.sh" index | sed 's/^.. //; s/\.[0-9][0-9]\.patch$//'
		awk '!/^#/ && NF { print $1 }' "$series/retire"
	)
	git -C "$1" init -q -b series
	git -C "$1" add -f -A
	git -C "$1" commit -q -m "Linux $(tree_version "$OUT/base")"
	git -C "$1" tag base
}

commit_steps()
{
	local name

	pristine "$git"
	for name in $(steps); do
		check_message "$series/$name"
		"$TOP/scripts/tree.sh" stage "${name%%-*}" "$work/stage"
		cp -r "$work/stage/." "$git"
		git -C "$git" add -f -A
		! git -C "$git" diff --cached --quiet ||
			die "series/$name: the step changes nothing"
		message "$series/$name" | git -C "$git" commit -q -s -F -
	done
}

format_mails()
{
	check_message "$series/00-cover"
	rm -rf "$mail"
	git -C "$git" format-patch -q -o "$mail" --cover-letter --no-signature \
		--zero-commit --abbrev=12 base
	message "$series/00-cover" | VERSION=$(tree_version "$OUT/base") perl -i -0777 -pe '
		BEGIN {
			open my $text, "<&", \*STDIN;
			local $/;
			($subject, $blurb) = split /\n+/, <$text>, 2;
			$blurb =~ s/\s+$//;
		}
		s/\*\*\* SUBJECT HERE \*\*\*/$subject/;
		s/\*\*\* BLURB HERE \*\*\*/$blurb\n\nThe patches apply to Linux $ENV{VERSION}./;
	' "$mail/0000-cover-letter.patch"
}

export_series()
{
	commit_steps
	format_mails
}

# git am onto the base, then: what git has is what out/linux has, and out/linux
# differs from the base nowhere else.
check_apply()
{
	local applied=$work/applied mails=("$mail"/*.patch) path

	pristine "$applied"
	git -C "$applied" am -q "${mails[@]:1}"
	git -C "$applied" diff --name-only --no-renames base HEAD | sort >"$work/by-mail"
	{ diff -rqN --no-dereference "$OUT/base" "$OUT/linux" || [ $? = 1 ]; } |
		sed "s|^Files .* and $OUT/linux/\(.*\) differ$|\1|" | sort >"$work/by-tree"
	echo "files changed by the mails (<) and by make tree (>):"
	diff "$work/by-mail" "$work/by-tree" || return 1
	while read -r path; do
		cmp "$applied/$path" "$OUT/linux/$path" || return 1
		[ "$(stat -c %A "$applied/$path")" = "$(stat -c %A "$OUT/linux/$path")" ] ||
			die "$path has another mode in $applied than in $OUT/linux"
	done <"$work/by-mail"
}

build_step()
{
	local name=$1 objects=$work/build

	"$TOP/scripts/tree.sh" step "${name%%-*}" "$work/linux"
	mkdir -p "$objects"
	# always from the whole configuration: what an earlier step does not
	# know yet gets lost on the way
	make -C "$work/linux" O="$objects" ARCH=x86_64 tinyconfig
	cat "$TOP/scripts/config/series.config" >>"$objects/.config"
	make -C "$work/linux" O="$objects" ARCH=x86_64 olddefconfig
	make -C "$work/linux" O="$objects" ARCH=x86_64 CC='ccache gcc' -j"$JOBS" vmlinux
}

check_build()
{
	local name log

	need build
	export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=swapmig KBUILD_BUILD_HOST=swapmig
	for name in $(steps); do
		step "compile step $name" build_step "$name"
		log=$(step_log "compile step $name")
		! grep -E '[.][chS]:[0-9]+:.*warning:|^WARNING: ' "$log" >&2 ||
			die "series/$name: the compiler warns, see $(short "$log")"
	done
}

check=${CHECK-}
case $#/${1-} in
0/) ;;
1/--check-apply) check=apply ;;
1/--check-build) check=build ;;
*) die "usage: scripts/series.sh [--check-apply | --check-build]" ;;
esac
case $check in
'' | apply | build) ;;
*) die "CHECK=$check: it is apply or build" ;;
esac

"$TOP/scripts/tree.sh" linux
setup_git
mkdir -p "$work"
# One exports at a time; a long build afterwards does not keep others waiting.
exec 9>"$work/.lock"
flock 9
step "export the series" export_series
case $check in
apply)
	step "apply the series to the base" check_apply
	say "the series gives out/linux to the byte" ;;
build)
	exec 9>&-
	check_build
	say "every step compiles without a warning" ;;
esac
printf '%s\n' "$mail"/*.patch | sed "s|^$TOP/||"
