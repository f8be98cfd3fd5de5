#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The mail series, in out/series, signed off by git's user.name and user.email.
#	series.sh			export it and list the patches
#	CHECK=apply series.sh		and apply it with git am to the base: the result
#					must be out/linux to the byte
#	CHECK=build series.sh		and compile the kernel, the selftests and the tool of each step
#	CHECK=boot series.sh		and boot each of these kernels, and migrate in it

. "$(dirname "$0")/lib.sh"

mail=$OUT/series
check=${CHECK-}
[ $# = 0 ] || die "usage: scripts/series.sh"
[[ $check =~ ^(|apply|build|boot)$ ]] || die "CHECK=$check: it is apply, build or boot"
for key in user.name user.email; do
	[ -n "$(git -C "$TOP" config $key)" ] ||
		die "the patches need a Signed-off-by: say whose with git config $key"
done

"$TOP/scripts/tree.sh" linux
# What the user has set does not decide what the mails look like.
unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_DIR=$OUT/git
mapfile -t steps < <("$TOP/scripts/tree.sh" steps)
last=$(git rev-parse "refs/steps/${steps[-1]}")
version=$(tree_version "$OUT/base")

# make tree takes an empty step, so that make refresh can fill it.
before=base
for step in "${steps[@]}"; do
	! git diff --quiet "$before" "refs/steps/$step" || die "series/$step: the step changes nothing"
	before=refs/steps/$step
done

export_series()
{
	rm -rf "$mail"
	git format-patch -q -o "$mail" --cover-letter --no-signature --zero-commit \
		--abbrev=12 --base=base "base..$last"
	sed '/^Files:/,$d' "$TOP/series/cover" | VERSION=$version perl -i -0777 -pe '
		BEGIN {
			open my $text, "<&", \*STDIN;
			local $/;
			($subject, $blurb) = split /\n+/, <$text>, 2;
			$blurb =~ s/\s+$//;
		}
		s/\*\*\* SUBJECT HERE \*\*\*/$subject/;
		s/\*\*\* BLURB HERE \*\*\*/$blurb\n\nThe base-commit below is the import of Linux $ENV{VERSION}./;
	' "$mail/0000-cover-letter.patch"
}

# git am in a repository with the files that we touch, onto the base.
check_apply()
{
	local applied=$OUT/series.applied mails=("$mail"/*.patch)

	rm -rf "$applied"
	git clone -q --shared --no-checkout "$GIT_DIR" "$applied"
	unset GIT_DIR
	export GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@localhost
	git -C "$applied" diff --name-only --no-renames base "$last" | sed 's/^/\//' |
		git -C "$applied" sparse-checkout set --no-cone --stdin
	git -C "$applied" checkout -q --detach base
	git -C "$applied" am -q "${mails[@]:1}"
	git -C "$applied" diff --stat "$last" HEAD
	git -C "$applied" diff --quiet "$last" HEAD
}

# boot_step COMMIT: the system call, unless its rows in the tables are missing, and
# cpusets migrate.
boot_step()
{
	local call=call

	git show "$1:arch/x86/entry/syscalls/syscall_64.tbl" | grep -wq migrate_pages || {
		[ -z "$missing" ] || die "migrate_pages(2) is missing after more than one step"
		missing=$1 call=
	}
	KERNEL=step SWAP=none ADD="$TOP/scripts/guest/step" CMD="step $call" \
		step "boot it" "$TOP/scripts/boot.sh"
}

check_steps()
{
	local name before=base commit missing='' files

	for name in "${steps[@]}"; do
		commit=refs/steps/$name
		files=$(git diff --name-only "$before" "$commit")
		say "$name, $(wc -l <<<"$files") files"
		"$TOP/scripts/tree.sh" step "$name" "$OUT/step"
		if grep -qvE '^(tools|Documentation)/' <<<"$files"; then
			"$TOP/scripts/kernel.sh" step >/dev/null
			no_warnings "$name" "build the x86_64 kernel step"
			[ "$check" = build ] || boot_step "$commit"
		fi
		if grep -q '^tools/mm/' <<<"$files"; then
			step "compile its tool" tool
			no_warnings "$name" "compile its tool"
		fi
		if grep -q '^tools/testing/' <<<"$files"; then
			step "compile its selftests" selftests
			no_warnings "$name" "compile its selftests"
		fi
		before=$commit
	done
}

selftests()
{
	mkdir -p "$OUT/step.selftests"
	make -C "$OUT/step/tools/testing/selftests/swapmig" OUTPUT="$OUT/step.selftests" -j"$JOBS"
}

tool()
{
	need tool
	mkdir -p "$OUT/step.tool"
	make -C "$OUT/step/tools/mm/swapmig" O="$OUT/step.tool"
}

# no_warnings STEP LOG
no_warnings()
{
	local log

	log=$(step_log "$2")
	! grep -E '[.][chS]:[0-9]+:.*warning:|^WARNING: ' "$log" >&2 ||
		die "series/$1: the compiler warns, see $(short "$log")"
}

step "export the series" export_series
case $check in
apply)
	step "apply the series to the base" check_apply
	say "the series gives out/linux to the byte" ;;
build)
	check_steps
	say "every step compiles without a warning" ;;
boot)
	check_steps
	say "every step compiles without a warning, boots and migrates" ;;
esac
printf '%s\n' "$mail"/*.patch | sed "s|^$TOP/||"
