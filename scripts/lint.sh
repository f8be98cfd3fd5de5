#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Static checks.
#	lint.sh		all of them
#	lint.sh NAME...	some: checkpatch, compile, compile-without, kernel-doc, documents,
#			scripts

. "$(dirname "$0")/lib.sh"

# Paths of ours that match a pattern, as whole files in the kernel tree.
ours() { "$TOP/scripts/tree.sh" index | cut -d ' ' -f 2 | grep -E "$1"; }

# What checkpatch says of code that cannot be written otherwise: the macros of
# a trace header, and a page table lock that is only pointed at. A patch that
# adds a file is asked to update MAINTAINERS; ours does so once, for whole
# directories. The choices of a Kconfig choice need no long help.
check_checkpatch()
{
	local name said

	# away from our git repository, where it would look for LICENSES/
	cd "$OUT/linux"
	said=$("$TOP/scripts/tree.sh" steps | while read -r name; do
			git --git-dir="$OUT/git" format-patch -1 --stdout "refs/steps/$name" |
			perl scripts/checkpatch.pl --strict --show-types --quiet --no-summary \
				--min-conf-desc-length=1 --ignore FILE_PATH_CHANGES,ENOSYS - 2>&1 || true
		done | awk 'BEGIN { RS = ""; ORS = "\n\n" }
			/^CHECK:(OPEN_ENDED_LINE|PARENTHESIS_ALIGNMENT):.*FILE: include\/trace\/events\// ||
			/^CHECK:UNCOMMENTED_DEFINITION:.*\n\+\tspinlock_t \*/ { next }
			{ print }')
	echo "$said"
	[ -z "$said" ]
}

# to_compile TREE OBJECTS [DIR]: the objects of the base's files that we change, and DIR, as
# far as the configuration in OBJECTS has them: make builds what it is told without looking there.
to_compile()
{
	local tree=$1 objects=$2 dir=${3:-} target symbol

	for target in $(ours '\.c\.[^.]+\.patch$' | grep -vE '^(arch|tools)/' |
			sed 's/\.c\.[^.]*\.patch$/.o/' | sort -u) $dir; do
		symbol=$(sed -nE "s,^[a-z-]+-\\$\((\w+)\).*\s$(basename "$target")/?(\s.*)?$,\1,p" \
			"$OUT/$tree/$(dirname "$target")/Makefile")
		[ -n "$symbol" ] && ! grep -qx "$symbol=y" "$objects/.config" || echo "$target"
	done
}

# warnings ARCH TREE: what sparse and, for our directory, gcc with W=1 say
# about what we change, without line numbers.
warnings()
{
	local arch=$1 tree=$2 cross='' start=tinyconfig configs=(common "$1" checks linux) make
	local objects=$OUT/build/lint-$1-$2 log=$OUT/log/lint-$1-$2.log targets

	if [ "$arch" = ia64 ]; then
		cross=ia64-linux-gnu- start=allnoconfig configs=(ia64 linux)
	fi
	make=(make -C "$OUT/$tree" O="$objects" ARCH="$arch" CROSS_COMPILE="$cross"
	      CC="ccache ${cross}gcc" -j"$JOBS")
	{
		"${make[@]}" "$start"
		(cd "$TOP/scripts/config" && cat "${configs[@]/%/.config}") >>"$objects/.config"
		"${make[@]}" olddefconfig
		"${make[@]}" W=1 prepare
	} >"$log" 2>&1 || return
	mapfile -t targets < <(to_compile "$tree" "$objects")
	"${make[@]}" C=2 "${targets[@]}" >>"$log" 2>&1 || return
	if [ -d "$OUT/$tree/mm/swapmig" ]; then
		# what is compiled already would not be warned about again
		rm -f "$objects"/mm/swapmig/*.o
		"${make[@]}" C=2 W=1 mm/swapmig/ >>"$log" 2>&1 || return
	fi
	sed -n '/^\.config:/d; /context imbalance in .* - unexpected unlock/d; /\(warning\|error\): /p' "$log" |
		sed -E "s|^.*/out/$tree/||; s|^(\.\./)*||; s/^([^:]*)(:[0-9]+)+:/\1:/" | sort -u
}

# Files of the base warn on their own account: only what we add counts. Sparse
# cannot follow a lock that is taken on a condition, as pmd_trans_huge_lock()
# does, and calls every walk of page tables unbalanced; lockdep can.
compile()
{
	local arch=$1 tree new

	need build
	if [ "$arch" = ia64 ]; then
		PATH=$("$TOP/scripts/ia64-gcc.sh"):$PATH
	fi
	"$TOP/scripts/tree.sh" linux
	for tree in base linux; do
		mkdir -p "$OUT/build/lint-$arch-$tree"
		warnings "$arch" $tree >"$OUT/build/lint-$arch-$tree/warnings" || {
			tail -n 20 "$OUT/log/lint-$arch-$tree.log"
			die "out/$tree does not compile for $arch, see out/log/lint-$arch-$tree.log"
		}
	done
	new=$(comm -13 "$OUT"/build/lint-"$arch"-{base,linux}/warnings)
	[ -z "$new" ] || {
		echo "$new"
		echo "their places are in out/log/lint-$arch-linux.log"
		exit 1
	}
}

check_compile() { compile x86_64; }
check_compile-i386() { compile i386; }
check_compile-ia64() { compile ia64; }

# without SYMBOL...: the kernel compiles where these symbols are not set, without a warning.
without()
{
	local symbol targets
	local objects=$OUT/build/lint-without-$1 log=$OUT/log/lint-without-$1.log
	local make=(make -C "$OUT/linux" O="$objects" ARCH=x86_64 CC="ccache gcc" -j"$JOBS")

	mkdir -p "$objects"
	{
		"${make[@]}" tinyconfig
		{
			(cd "$TOP/scripts/config" && cat common.config x86_64.config checks.config)
			printf 'CONFIG_%s=n\n' "$@"
			# As distributions have it, and the guests do not: the types of pages differ.
			echo CONFIG_SPARSEMEM_VMEMMAP=y
		} >>"$objects/.config"
		"${make[@]}" olddefconfig
	} >"$log" 2>&1 || return
	for symbol; do
		! grep "^CONFIG_$symbol=" "$objects/.config" || return
	done
	mapfile -t targets < <(to_compile linux "$objects" mm/swapmig/)
	# what is compiled already would not be warned about again
	(cd "$objects" && rm -rf mm kernel/cgroup)
	"${make[@]}" "${targets[@]}" >>"$log" 2>&1 || { log_errors "$log"; return 1; }
	! grep -vE '^\.config:' "$log" | grep 'warning: '
}

# Each configuration that leaves out code of ours, or what it calls.
check_compile-without()
{
	need build
	"$TOP/scripts/tree.sh" linux
	without NUMA &&
	without SWAP &&
	without MIGRATION COMPACTION TRANSPARENT_HUGEPAGE &&
	without MEMCG &&
	without MEMORY_HOTPLUG &&
	without CPUSETS
}

check_kernel-doc()
{
	local files

	mapfile -t files < <(ours '\.[ch]$')
	cd "$TOP"
	perl "$OUT/linux/scripts/kernel-doc" -none -Werror "${files[@]}"
}

# Docutils knows rst, but not what Sphinx and the kernel add to it.
check_documents()
{
	local file files said rc=0

	mapfile -t files < <(ours '\.rst$')
	for file in "${files[@]}"; do
		said=$(/usr/bin/rst2html --report=1 --halt=5 "$TOP/$file" 2>&1 >/dev/null |
			grep -E '^[^ ]+:[0-9]+: \(' |
			grep -vE 'Unknown (directive type|interpreted text role)|No (directive entry|role entry)|Trying ".*" as canonical|Hyperlink target .* is not referenced') || true
		[ -z "$said" ] || { echo "$said"; rc=1; }
	done
	mandoc -T lint -W warning "$TOP"/man/*.[1-8] || rc=1
	return $rc
}

check_scripts()
{
	local files file

	cd "$TOP"
	mapfile -t files < <(git -c safe.directory='*' ls-files -co --exclude-standard |
		while read -r file; do
			[ ! -e "$file" ] || grep -lE -m 1 '^#!.*\b(ba|da)?sh( |$)|shellcheck shell=' "$file" || true
		done)
	shellcheck --external-sources --source-path=SCRIPTDIR --format=gcc "${files[@]}"
	for file in scripts/*.pl; do
		perl -wc "$file"
	done
}

checks=(checkpatch compile compile-i386 compile-without kernel-doc documents scripts)
if [ "${1-}" = --only ]; then
	"check_$2"
	exit
fi
for check; do
	[[ " ${checks[*]} compile-ia64 " == *" $check "* ]] ||
		die "no check '$check': it is ${checks[*]} compile-ia64"
done

need tree lint
"$TOP/scripts/tree.sh" linux
failed=()
for check in "${@:-"${checks[@]}"}"; do
	# in a process of its own, where set -e holds
	step "lint: $check" "$TOP/scripts/lint.sh" --only "$check" || failed+=("$check")
done
[ ${#failed[@]} = 0 ] || die "lint: ${failed[*]} failed"
say "lint: clean"
