#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the tests. The last line is "N passed, N failed, N skipped".
#
# usage: scripts/test.sh
#
# ARCH=i386 or ia64 runs only the tests of that machine. T=GLOB picks tests by name
# (numa/page_kinds), or by its last part (page_kinds):
#	series, refresh, lint	the mail series gives the patched tree; edits there find
#				their way back; code style
#	readme			it names commands and variables that exist
#	tap			how the output of tests is read
#	step			its log, however long its name is
#	guest/*			what scripts/boot.sh promises, above all that it does
#				not overlook a kernel in trouble
#	bench/program		what "make bench" runs in the guests
#	tool/*			the tool swapmig: how it is built, and what it does in a guest
#	deb			packages of the patched kernel and the tool; not with DEBUG=1
#	syscalls/*		the entry of the system call table, in the linked kernel
#	kunit, kunit-i386	the KUnit tests, run while a guest boots
#	numa/*			every selftest program, on nodes of the machine
#	cgroup1/*		the one that needs the memory controller of version 1
#	fake/*			some, on nodes emulated by the kernel (numa=fake=4)
#	compat/*		the 32-bit programs on the 64-bit kernel
#	outsiders/*		Debian's stress-ng and trinity, which use the system call
#				and know nothing of us
#	i386/*			the 32-bit programs on a 32-bit kernel, on emulated nodes
#	kcsan/*			some, on a kernel that finds data races. Only with DEBUG=1
#				or DEBUG=kcsan
#	real/*			a Debian system with our packages (scripts/vm.sh), and its services:
#				Redis, a container, PostgreSQL, units; a reboot, and a purge.
#				Only with REAL=1
#	ia64/*			what our code compiles to with a cross compiler. Only
#				with ARCH=ia64: to build the compiler takes a while
#
# DEBUG=1: on a kernel that checks more, and is slower. Leaves out fake/* and compat/*.
# DEBUG=kcsan: only kcsan/*, and guest/kcsan. REAL=1: only real/*.
#
# The script ends with how long each part took, or appends that to the file TIMES.

. "$(dirname "$0")/lib.sh"

T=${T:-*}
arch=${ARCH:-x86_64}
unset ARCH
results=$OUT/test/results
boot=$TOP/scripts/boot.sh
# How many times longer anything may take in the guest.
slow=${DEBUG:+6}
slow=${slow:-1}

# picked NAME: does T choose this test?
picked()
{
	# shellcheck disable=SC2053	# a glob
	[[ $1 == $T || ${1##*/} == $T ]]
}

# record passed|failed|skipped NAME, with the output to show on stdin
record()
{
	printf '%s\t%s\n' "$1" "$2"
	sed 's/^/|/'
} >>"$results"

# took NAME SECONDS: for the table of what took how long, if it is worth a line
took() { [ "$2" -lt 5 ] || printf '%6d s  %s\n' "$2" "$1" >>"$times"; }

# check NAME cmd...: a test on this machine that passes if cmd does
check()
{
	local name=$1 since=$SECONDS outcome=passed log
	shift

	picked "$name" || return 0
	log=$OUT/test/${name//\//-}.log
	printf '  %-28s ' "$name" >&2
	"$@" >"$log" 2>&1 </dev/null || outcome=failed
	tail -n 40 "$log" | record "$outcome" "$name"
	say "1 $outcome, $((SECONDS - since)) s"
	took "$name" $((SECONDS - since))
}

# fails STATUS TEXT cmd...: cmd ends with this status and says this
fails()
{
	local want=$1 text=$2 said rc=0
	shift 2

	said=$("$@" 2>&1) || rc=$?
	printf '%s\n' "$said" | sed 's/^/> /'
	[ "$rc" = "$want" ] || { echo "its status is $rc, not $want"; return 1; }
	[[ $said == *"$text"* ]] || { echo "it does not say: $text"; return 1; }
}

# A step may be named after all the packages there are.
step_names() { fails 2 /nowhere step "install $(seq -s ' ' 200)" ls /nowhere; }

# shellcheck disable=SC2016	# the guest's dollar signs
guest_status()
{
	fails 3 'two  spaces 42 "$HOME"' \
		env CMD='echo "two  spaces" $((6 * 7)) "\"\$HOME\""; exit 3' "$boot"
}

# make adds nothing to what a command says that fails.
guest_make()
{
	local said=$OUT/test/guest-make.said

	# shellcheck disable=SC2016	# the guest's dollar signs
	fails 1 'twice 42' make -C "$TOP" --no-print-directory boot \
		CMD='echo twice $((3 * 7 * 2)); exit 3' >"$said" || { cat "$said"; return 1; }
	! grep -F '***' "$said"
}

guest_panic()  { fails 125 'the guest died' env CMD='echo c >/proc/sysrq-trigger; sleep 60' "$boot"; }
guest_warning() { fails 125 'the kernel complained' env CMD='echo "WARNING: injected" >/dev/kmsg' "$boot"; }
guest_hang()   { fails 124 'did not finish' env TIMEOUT=15 CMD='echo hanging; sleep 1000' "$boot"; }

# newer DIR LIBRARY GCC...: DIR/newer is a program that wants the version NEWER_9 of
# LIBRARY, and DIR/LIBRARY is one that does not have it
newer()
{
	local dir=$1 library=$2 version
	shift 2

	rm -rf "$dir"
	mkdir "$dir"
	echo 'int main(void) { extern int f(void); return f(); }' >"$dir/main.c"
	echo 'int f(void) { return 0; }' >"$dir/library.c"
	for version in NEWER_9 OLDER_1; do
		echo "$version { global: f; };" >"$dir/versions"
		"$@" -shared -fPIC -Wl,-soname,"$library" -Wl,--version-script="$dir/versions" \
			-o "$dir/$library" "$dir/library.c"
		[ -e "$dir/newer" ] ||
			"$@" -o "$dir/newer" "$dir/main.c" "$dir/$library" -Wl,-rpath,"$dir"
	done
}

# A program gets the libraries that it needs; one that the machine does not have,
# or not in that version, is named, and nothing is booted.
guest_add()
{
	local dir=$OUT/test/add

	newer "$dir" libversions.so gcc
	fails 0 'memhog [' env ADD=/usr/bin/memhog CMD='memhog 2>&1; test -d /add' "$boot" &&
	fails 1 "newer needs NEWER_9 of $dir/libversions.so" env ADD="$dir/newer" CMD=newer "$boot" &&
	rm "$dir/libversions.so" &&
	fails 1 "newer needs libversions.so which is not on" env ADD="$dir/newer" CMD=newer "$boot"
}

# Swap is where it was asked for, and by default migratepages evicts; a word on the
# kernel's command line chooses the path; three nodes cannot share the memory evenly.
# shellcheck disable=SC2016	# the guest's dollar signs
guest_swap()
{
	local evict='numactl -m 0 sleep 60 & sleep 1; migratepages $! 0 1; grep -w swapmig_evicted /proc/vmstat'

	fails 1 "swapmig_evicted 0" env SWAP=none \
		CMD="cat /proc/swaps; $evict; grep /dev /proc/swaps" "$boot" &&
	fails 0 "/dev/zram0" env CMD="cat /proc/swaps; $evict | grep -v ' 0\$'" "$boot" &&
	fails 0 "swap direct [auto]" env SWAP=disk MEM=1G NODES=3 APPEND=swapmig.path=auto \
		CMD="grep /dev/vda /proc/swaps && cat /sys/kernel/mm/swapmig/path" "$boot"
}

# as_somebody cmd...: with a name to sign patches off
as_somebody()
{
	env GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=Somebody \
		GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=somebody@localhost "$@"
}

mail_series()
{
	local script=$TOP/scripts/series.sh

	as_somebody CHECK=apply "$script" &&
	grep -qx 'Signed-off-by: Somebody <somebody@localhost>' "$OUT"/series/0001-*.patch &&
	grep -q '^base-commit: ' "$OUT/series/0000-cover-letter.patch" &&
	[ -z "$(find "$OUT/series" -size +100k)" ] &&
	fails 1 "git config user.name" env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=user.name \
		GIT_CONFIG_VALUE_0= "$script" &&
	fails 1 "error: CHECK=spelling" as_somebody CHECK=spelling "$script"
}

# Edits in out/linux come back: whole files, hunks, new ones of both, each in its step. A
# base of only the files that we touch will do.
refresh_edits()
{
	local dir=$OUT/test/refresh linux=$OUT/test/refresh/one/out/linux
	local -x KERNEL_SRC=$dir/src

	in_one() { make -C "$dir/one" --no-print-directory "$@"; }
	rm -rf "$dir"
	mkdir -p "$dir/one" "$KERNEL_SRC"
	git -C "$TOP" ls-files -co --exclude-standard |
		(cd "$TOP" && cpio -pdm --quiet "$dir/one") &&
	git -C "$dir/one" init -q &&
	{
		git --git-dir="$OUT/git" log --format= --name-only --no-renames --diff-filter=MD base..HEAD
		printf '%s\n' Makefile block/bio.c mm/mempolicy.c scripts/checkpatch.pl
	} | sort -u | while read -r path; do
		[ ! -e "$OUT/base/$path" ] || echo "$path"
	done | (cd "$OUT/base" && cpio -pdm --quiet "$KERNEL_SRC") &&
	in_one tree || return

	# a step's line of a file that others add to, and a later step's
	sed -i '1i # early' "$linux/mm/swapmig/Makefile"
	sed -i '$a # late' "$linux/mm/swapmig/Makefile"
	sed -i '3i /* whole */' "$linux/mm/swapmig/core.c"
	# within a hunk, and away from it
	sed -i 's/^#include <linux.swapmig.h>$/&\n#include <linux\/edit.h>/; $a /* end */' "$linux/mm/memory.c"
	rm "$linux/tools/testing/selftests/swapmig/holder.c"
	fails 2 "    mm/swapmig/core.c" in_one tree &&
	grep -qF '/* whole */' "$linux/mm/swapmig/core.c" &&
	in_one refresh &&
	grep -qx '+#include <linux/edit.h>' "$dir/one/mm/memory.c.refault.patch" &&

	# what no step has touched
	echo '/* new hunk */' >>"$linux/block/bio.c" &&
	echo '/* new file */' >"$linux/block/new.c" &&
	fails 2 "make refresh STEP=NAME" in_one refresh &&
	fails 2 "no such step" in_one refresh STEP=walkies &&
	in_one refresh STEP=walk &&
	grep -qx block/new.c "$dir/one/series/walk" &&
	grep -qx '+/\* new hunk \*/' "$dir/one/block/bio.c.walk.patch" &&

	# a new step: it may be empty until there is something to export
	echo stroll >>"$dir/one/series/order" &&
	printf '%s\n' 'mm: stroll' '' 'It is more fun.' >"$dir/one/series/stroll" &&
	fails 2 "series/stroll: the step changes nothing" as_somebody \
		make -C "$dir/one" --no-print-directory series &&
	in_one tree &&
	echo '/* new step */' >>"$linux/block/bio.c" &&
	in_one refresh STEP=stroll &&
	grep -qx '+/\* new step \*/' "$dir/one/block/bio.c.stroll.patch" &&

	# another clone gives the same, and the steps have what is theirs
	(cd "$dir/one" && git ls-files -co --exclude-standard | while read -r path; do
		[ ! -e "$path" ] || echo "$path"
	done | cpio -pdm --quiet "$dir/two") &&
	git -C "$dir/two" init -q &&
	make -C "$dir/two" --no-print-directory tree &&
	diff -r "$linux" "$dir/two/out/linux" &&
	"$dir/two/scripts/tree.sh" step nodemap "$dir/nodemap" &&
	grep -x '# early' "$dir/nodemap/mm/swapmig/Makefile" &&
	! grep -x '# late' "$dir/nodemap/mm/swapmig/Makefile" &&

	# what is not wanted, and what does not fit
	echo '/* not wanted */' >>"$linux/mm/memory.c" &&
	in_one tree FORCE=1 &&
	! grep -F '/* not wanted */' "$linux/mm/memory.c" &&
	sed -i 's/^ .*/ fits nowhere/' "$dir/one/mm/Kconfig.nodemap.patch" &&
	fails 2 "mm/Kconfig.nodemap.patch: does not apply to mm/Kconfig of Linux 6.1" in_one tree &&
	mv "$dir/one/mm/Kconfig.nodemap.patch" "$dir/one/mm/Kconfig.nodmap.patch" &&
	fails 2 "has no step nodmap" in_one tree &&
	rm -rf "$dir"
}

# completed WORD...: the completions of the last word that the tool's offers
completed()
{
	bash -c '. "$0" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _swapmig &&
		echo "${COMPREPLY[@]}"' "$TOP/tools/mm/swapmig/swapmig.bash-completion" "$@"
}

# The tool is built, or what is missing is named, and its completion knows it.
tool_host()
{
	local dir=$OUT/test/tool-root make=(make -C "$OUT/linux/tools/mm/swapmig")

	rm -rf "$dir"
	"$TOP/scripts/tool.sh" "$dir" &&
	fails 0 "usage: swapmig watch" "$dir/usr/sbin/swapmig" -h &&
	[ -s "$dir/usr/share/man/man8/swapmig.8.gz" ] &&
	[ -s "$dir/usr/share/bash-completion/completions/swapmig" ] &&
	fails 2 "install libncurses-dev" "${make[@]}" PKG_CONFIG=false &&
	fails 2 "install libnuma-dev" "${make[@]}" CC=false &&
	fails 0 "watch move" completed swapmig "" &&
	fails 0 "swap" completed swapmig move --path s &&
	fails 0 "$$" completed swapmig move -p auto $$ &&
	fails 0 "all 0" completed swapmig move -p auto 1 0 "" &&
	[ "$(completed swapmig watch 1 2)" = "" ]
}

# In a guest whose disks take their time. Its JSON is for another parser than ours.
tool_guest()
{
	local dir=$OUT/test/tool tool

	tool=$("$TOP/scripts/tool.sh") &&
	rm -rf "$dir" &&
	mkdir -p "$dir/terminfo/l" &&
	cp /lib/terminfo/l/linux "$dir/terminfo/l" &&
	gcc -O2 -Wall -Werror -o "$dir/worker" "$TOP/scripts/guest/worker.c" &&
	DISK_BPS=3000000 BOOT_NAME=tool TIMEOUT=$((300 * slow)) CMD="exec tool" \
		ADD="$tool $dir/worker $dir/terminfo /usr/bin/script $TOP/scripts/guest/tool" \
		"$boot" >"$dir/said"
	set -- $?
	cat "$dir/said"
	[ "$1" = 0 ] && sed -n 's/^json: //p' "$dir/said" | perl -MJSON::PP -0777 -ne '
		my $name = decode_json($_)->{process}{name};
		$name eq "w\"\\\x01\x{fffd}(\x{e9}" or die "its name is $name\n"'
}

# The guest's kernel, packed as one for a real machine would be, and the tool.
deb_packages()
{
	local script=$TOP/scripts/deb.sh dir=$OUT/deb-test deb tool version

	version=$(tree_version "$OUT/linux")-swapmig
	deb=$dir/linux-image-${version}_${version%-*}-1_amd64.deb
	CONFIG=$OUT/build/x86_64-linux/.config "$script" deb-test &&
	[ "$(dpkg-deb -f "$deb" Package)" = "linux-image-$version" ] &&
	dpkg-deb --fsys-tarfile "$deb" | tar -xC "$dir" ./boot &&
	grep -x CONFIG_SWAPMIG=y "$dir/boot/config-$version" &&
	grep -w do_migrate_pages "$dir/boot/System.map-$version" &&
	grep -aF "$version (" "$dir/boot/vmlinuz-$version" >/dev/null &&

	tool=$(echo "$dir"/swapmig_*.deb) &&
	dpkg-deb -f "$tool" Depends | grep libnuma1 | grep libncursesw &&
	dpkg-deb -c "$tool" | grep ' root/root .* ./usr/sbin/swapmig$' &&
	dpkg-deb -c "$tool" | grep ' ./usr/share/man/man8/swapmig.8.gz$' &&
	dpkg-deb -c "$tool" | grep ' ./usr/share/bash-completion/completions/swapmig$' &&

	echo CONFIG_NUMA=n >"$dir/config" &&
	fails 1 "CONFIG=/no/such/file" env CONFIG=/no/such/file "$script" deb-test &&
	fails 1 "so no CONFIG_SWAPMIG" env CONFIG="$dir/config" "$script" deb-test &&
	[ -e "$deb" ]
}

# A 32-bit program gets those of the i386 packages.
guest_add_i386()
{
	local dir=$OUT/test/add-i386

	need i386
	newer "$dir" libm.so.6 gcc -m32
	gcc -m32 -shared -o "$dir/libabsent.so" -x c - <<<'int absent;'
	echo 'int main(void) { return sizeof(void *); }' >"$dir/main.c"
	gcc -m32 -o "$dir/small" "$dir/main.c"
	gcc -m32 -o "$dir/large" "$dir/main.c" -Wl,--no-as-needed -L"$dir" -labsent
	fails 4 "" env ARCH=i386 ADD="$dir/small" CMD=small "$boot" &&
	fails 1 "large needs libabsent.so" env ARCH=i386 ADD="$dir/large" CMD=large "$boot" &&
	fails 1 "newer needs NEWER_9 of libm.so.6" env ARCH=i386 ADD="$dir/newer" CMD=newer "$boot"
}

# As many nodes as are asked for, each with memory.
guest_nodes_i386()
{
	local cmd='numactl -H; ! numactl -H | grep "size: 0 MB"'

	fails 0 "available: 3 nodes" env ARCH=i386 NODES=3 CMD="$cmd" "$boot" &&
	fails 0 "available: 2 nodes" env ARCH=i386 NODES=2 MEM=2048 CMD="$cmd" "$boot"
}

# A data race of ours is a complaint, one of the base is counted.
guest_kcsan()
{
	fails 125 'KCSAN: data-race in page_idle / swapmig_walk' env DEBUG=kcsan \
		CMD='echo "BUG: KCSAN: data-race in page_idle / swapmig_walk" >/dev/kmsg' "$boot" &&
	fails 0 'races of the base are left out' env DEBUG=kcsan \
		CMD='echo "BUG: KCSAN: data-race in page_idle / page_young" >/dev/kmsg
			echo "BUG: KCSAN: data-race in swapmig_walk / unuse_pte_range" >/dev/kmsg' "$boot"
}

# Input and output pass unharmed, byte for byte.
guest_bytes()
{
	local data=$OUT/test/bytes

	head -c 1000000 /dev/urandom >"$data"
	CMD='cat; echo apart >&2' "$boot" <"$data" >"$data.out" 2>"$data.err" &&
	cmp "$data" "$data.out" &&
	grep -x apart "$data.err"
}

# What README has a reader type are commands and variables that exist: its code is
# what is indented and what stands in backticks. What "make help" names is used.
readme_commands()
{
	local code=$OUT/test/readme.code help=$OUT/test/readme.help name rc=0

	perl -ne 'while (/^ {4}(\S.*?)(?: {2,}#.*)?$|`([^`]+)`/g) { print $1 // $2, "\n" }' "$TOP/README.md" |
		sed "s/'[^']*'/X/g" >"$code"
	make -C "$TOP" --no-print-directory help >"$help"
	while read -r name; do
		grep -q "^make $name\b" "$help" || [ "$name" = help ] ||
			make -C "$OUT/linux" help | grep "^[ *]*$name\b" >/dev/null ||
			{ echo "README: nothing makes $name"; rc=1; }
	done < <(sed -n 's/^make \([a-z0-9]*\).*/\1/p' "$code" | sort -u)
	while read -r name; do
		grep -qE "[ |]$name" "$help" || [ "$name" = CONFIG_SWAPMIG= ] ||
			{ echo "README: make help does not name $name"; rc=1; }
	done < <(grep -E '^(make .*)?\b[A-Z_]+=' "$code" | grep -oE '\b[A-Z_]+=' | sort -u)
	while read -r name; do
		grep -qE "[\$({]${name%=}\b" "$TOP"/scripts/{,guest/}*.sh ||
			{ echo "make help: nothing uses $name"; rc=1; }
	done < <(sed -n 's/^  \(\([A-Z_]*=[^ ]* *\)*\).*/\1/p' "$help" | grep -oE '[A-Z_]+=' | sort -u)
	[ -s "$code" ] && return $rc
}

# Wrong input is refused before anything is built or booted.
guest_input()
{
	fails 1 "error: NODES=many is not a number" env NODES=many CMD=true "$boot" &&
	fails 1 "error: no kernel is called 'windows'" env KERNEL=windows CMD=true "$boot" &&
	fails 1 "error: ADD: /no/such/file does not exist" env ADD=/no/such/file CMD=true "$boot" &&
	fails 1 "error: ACCEL=magic" env ACCEL=magic CMD=true "$boot" &&
	fails 1 "error: no kernel configuration for ARCH=vax" env ARCH=vax CMD=true "$boot" &&
	fails 1 "error: DEBUG=2: it is 1 or kcsan" env DEBUG=2 CMD=true "$boot" &&
	fails 1 "error: DEBUG=kcsan" env DEBUG=kcsan ARCH=i386 CMD=true "$boot" &&
	fails 1 "error: PROGRAMS=vax" env PROGRAMS=vax CMD=true "$boot" &&
	fails 1 "error: SWAP=tape: it is zram, disk or none" env SWAP=tape CMD=true "$boot" &&
	fails 1 "error: MEM=2T is no amount of memory" env MEM=2T CMD=true "$boot" &&
	fails 1 "error: MEM=64M is less than" env MEM=65536K CMD=true "$boot" &&
	fails 1 "error: MEM=2048M: each of the 3 nodes" env ARCH=i386 NODES=3 MEM=2048 CMD=true "$boot" &&
	fails 1 "error: PROGRAMS=x86_64" env ARCH=i386 PROGRAMS=x86_64 CMD=true "$boot" &&
	fails 1 "error: ARCH=ia64: nothing emulates" env ARCH=ia64 CMD=true "$boot" &&
	fails 1 "error: no tests for ARCH=vax" env ARCH=vax "$0" &&
	fails 1 "no test is called no-such-test" env T=no-such-test "$0"
}

# results_of WANTED: scripts/tap.pl makes this of the output on stdin, a line per test
# with what the test said
results_of()
{
	local made

	made=$("$TOP/scripts/tap.pl" g | awk -F '\t' '
		function told() { if (name) print name (show ? " (" show ")" : "") }
		/^\|/ { show = show (show ? "; " : "") substr($0, 2); next }
		{ told(); name = $1 " " $2; show = "" }
		END { told() }')
	printf '%s\n' "$made"
	[ "$made" = "$1" ] || { printf 'wanted:\n%s\n' "$1"; return 1; }
}

# Outputs of kselftest's harness and of KUnit, and what they mean.
tap_results()
{
	results_of $'passed g/p: a.b\nskipped g/p: a.c (no swap)' <<-END &&
		### begin p
		TAP version 13
		1..2
		#  RUN           a.b ...
		#            OK  a.b
		ok 1 a.b
		#  RUN           a.c ...
		#      SKIP      no swap
		#            OK  a.c
		ok 2 # SKIP no swap
		### end p 0 3
	END
	results_of $'failed g/p: a.b (# p.c:5:b:Expected 1)' <<-END &&
		### begin p
		1..1
		#  RUN           a.b ...
		# p.c:5:b:Expected 1
		#          FAIL  a.b
		not ok 1 a.b
		### end p 1 3
	END
	# The program crashes, is killed, and has a test without a result or one too many.
	results_of $'passed g/p: a.b\nfailed g/p: a.c (killed by signal 11; Bad plan.  You planned 2 tests but ran 1.)' <<-END &&
		### begin p
		1..2
		ok 1 a.b
		#  RUN           a.c ...
		### end p 139 3
	END
	results_of $'failed g/p: all (killed: it crashed, or its time limit ended it; No plan found in TAP output; no test has a result)' \
		<<<$'### begin p\n### end p 137 3' &&
	results_of $'passed g/p: a.b\nfailed g/p: all (Bad plan.  You planned 2 tests but ran 1.)' \
		<<<$'### begin p\n1..2\nok 1 a.b\n### end p 0 3' &&
	results_of $'passed g/p: a.b\npassed g/p: a.c\nfailed g/p: all (Tests out of sequence.  Found (1) but expected (2))' \
		<<<$'### begin p\nok 1 a.b\nok 1 a.c\n1..2\n### end p 0 3' &&
	results_of $'passed g/p: a.b\nfailed g/p: all (exit status 1)' \
		<<<$'### begin p\n1..1\nok 1 a.b\n### end p 1 3' &&
	# All is skipped; nothing is planned; nothing is run; it is not there.
	results_of $'skipped g/p: all (must be root)' \
		<<<$'### begin p\nTAP version 13\n1..0 # SKIP must be root\n### end p 4 0' &&
	results_of $'failed g/p: all (no test has a result)' <<<$'### begin p\n1..0\n### end p 0 0' &&
	results_of $'failed g/p: all (./p: not found; could not be run; No plan found in TAP output; no test has a result)' \
		<<<$'### begin p\n./p: not found\n### end p 127 0' &&
	results_of 'failed g: no test ran' <<<'' &&
	# The guest dies.
	results_of $'passed g/p: a.b\nfailed g/p: all (the guest ended while it ran; Bad plan.  You planned 2 tests but ran 1.)' \
		<<<$'### begin p\n1..2\nok 1 a.b' &&
	results_of $'passed g/s: a (    # Subtest: a;     ok 1 one to one)\nfailed g/s: b (# b: EXPECTATION FAILED)\npassed g/t: c\nskipped g/t: d (no node)' <<-END &&
		[    1.345370] KTAP version 1
		[    1.345680]     KTAP version 1
		[    1.345739]     # Subtest: s
		[    1.345763]     1..2
		[    1.346023]         KTAP version 1
		[    1.346023]         # Subtest: a
		[    1.347751]         ok 1 one to one
		[    1.361641]     ok 1 a
		[    1.361641]     # b: EXPECTATION FAILED
		[    1.363268]     not ok 2 b
		[    1.364344] not ok 1 s
		[    1.364344]     # Subtest: t
		[    1.364344]     1..2
		[    1.364344]     ok 1 - c
		[    1.364344]     ok 2 - d # SKIP no node
		[    1.364344] ok 2 - t
		[    1.364344] random: crng init done
	END
	results_of $'passed g/s: a\nfailed g/s: all (BUG: unable to handle page fault; the guest ended while it ran; Bad plan.  You planned 2 tests but ran 1.)' \
		<<<$'    # Subtest: s\n    1..2\n    ok 1 a\nBUG: unable to handle page fault'
}

# in_guest GROUP "COMMAND" [VARIABLE=VALUE...]: what the command prints are
# results; if the guest itself does not end well, that is a failure too
in_guest()
{
	local group=$1 cmd=$2 log=$OUT/test/$1 since=$SECONDS rc=0
	shift 2

	env "$@" SWAP=none BOOT_NAME="$group" TIMEOUT=$((2400 * slow)) CMD="$cmd" "$boot" </dev/null 2>"$log.err" |
		tee "$log.log" | "$TOP/scripts/tap.pl" "$group" >>"$results" || rc=$?
	grep '^KCSAN: ' "$log.err" >&2 || true
	[ $rc = 0 ] || record failed "$group: the guest" <"$log.err"
	took "$group" $((SECONDS - since))
}

# built NAME [VARIABLE=VALUE...]: such a guest is built, or it is a failure of NAME
built()
{
	local name=$1 since=$SECONDS
	shift

	if ! env "$@" "$TOP/scripts/kernel.sh" linux >/dev/null ||
	   ! env "$@" "$TOP/scripts/initramfs.sh" >/dev/null; then
		record failed "$name: build" <<<"see above"
		return 1
	fi
	took "$name: build" $((SECONDS - since))
}

# The selftest programs of a group that T picks: they are the same everywhere.
selftests()
{
	local program root=$OUT/guest/$arch/root

	while IFS=: read -r _ program; do
		case $1/$program in
		cgroup1/races_of_charges) ;;
		cgroup1/* | */races_of_charges) continue ;;
		# All programs run on emulated nodes in i386/*; here those that
		# tell nodes apart.
		fake/nodesets | fake/page_kinds | fake/cpuset | fake/clients) ;;
		fake/*) continue ;;
		kcsan/races_* | kcsan/refault) ;;
		kcsan/*) continue ;;
		# A race does not depend on how its system calls are made.
		compat/races_*) continue ;;
		esac
		! picked "$1/$program" || printf '%s ' "$program"
	done <"$root/usr/libexec/kselftest/kselftest-list.txt"
}

# group NAME [VARIABLE=VALUE...]: the selftests in a guest like this
group()
{
	local name=$1 programs before=
	shift

	# Once version 2 of control groups has had the memory controller, it keeps it.
	[ "$name" != cgroup1 ] || before='mkdir /tmp/memory && mount -t cgroup -o memory memory /tmp/memory &&'

	programs=$(selftests "$name")
	[ "$programs" ] && built "$name" "$@" || return 0
	in_guest "$name" \
		"$before SWAPMIG_SLOW=$slow exec /usr/libexec/kselftest/selftests $programs" "$@"
}

# kcsan: the data races of our code. KCSAN cannot be had together with KASAN.
kcsan()
{
	if picked guest/kcsan && built guest/kcsan DEBUG=kcsan; then
		check guest/kcsan guest_kcsan
	fi
	group kcsan DEBUG=kcsan
}

# kunit NAME [VARIABLE=VALUE...]: the KUnit tests in a guest like this
kunit()
{
	local name=$1
	shift

	picked "$name" && built "$name" "$@" || return 0
	in_guest "$name" dmesg APPEND=kunit.enable=1 "$@"
}

# What "make bench" runs compiles, and measures.
bench_program()
{
	local program

	program=$("$TOP/scripts/bench.sh" program) &&
	fails 0 'direct_16M insn_per_page' env SWAP=none ICOUNT=1 ADD="$program" \
		CMD='bench direct_16M' "$boot" &&
	fails 1 'no case is called no-such-case' env C=no-such-case "$TOP/scripts/bench.sh"
}

# outsider PROGRAM: Debian's program has the guest's kernel migrate, and nothing breaks
outsider()
{
	need outsiders || return
	SWAP=none BOOT_NAME=outsiders-$1 TIMEOUT=$((300 * slow)) \
	ADD="/usr/bin/$1 $TOP/scripts/guest/outsiders" \
	CMD="SWAPMIG_SLOW=$slow outsiders $1" "$boot"
}

# real NAME "PROGRAM..." [VARIABLE=VALUE...]: those programs of scripts/vm/real that T picks,
# in one boot of the virtual machine. They all use the same disk.
real()
{
	local name=$1 program programs='' log=$OUT/test/$1 since=$SECONDS rc=0

	for program in $2; do
		! picked "real/$program" || programs+=" $program"
	done
	shift 2
	[ "$programs" ] || return 0
	env "$@" KEEP="$OUT/test/real.qcow2" BOOT_NAME="$name" TIMEOUT=1800 CMD="exec real/all$programs" \
		ADD="$OUT/test/worker $TOP/scripts/vm/real" "$TOP/scripts/vm.sh" </dev/null 2>"$log.err" |
		tee "$log.log" | "$TOP/scripts/tap.pl" real >>"$results" || rc=$?
	[ $rc = 0 ] || record failed "$name: the machine" <"$log.err"
	took "$name" $((SECONDS - since))
}

# syscalls ARCH: its kernel is built, and its system call table is as it has to be
syscalls()
{
	local since=$SECONDS

	picked "syscalls/$1" || return 0
	if ! ARCH=$1 "$TOP/scripts/kernel.sh" linux >/dev/null; then
		record failed "syscalls/$1: build" <<<"see above"
		return
	fi
	took "syscalls/$1: build" $((SECONDS - since))
	check "syscalls/$1" "$TOP/scripts/syscall-table.sh" "$1"
}

# The check of the table sees an entry that leads elsewhere, and a missing one.
syscalls_wrong()
{
	local kernel=$OUT/build/$arch-linux$debug/vmlinux wrong=$OUT/test/vmlinux

	objcopy --redefine-sym __ia32_sys_migrate_pages=__ia32_sys_other "$kernel" "$wrong"
	fails 1 "294 is __ia32_sys_other" "$TOP/scripts/syscall-table.sh" "$arch" "$wrong" &&
	objcopy --strip-symbol=sys_call_table "$kernel" "$wrong" &&
	fails 1 "has no sys_call_table" "$TOP/scripts/syscall-table.sh" "$arch" "$wrong" &&
	rm "$wrong"
}

# summary: every test that did not pass, with what it printed, and the count
summary()
{
	local passed failed skipped

	passed=$(grep -c '^passed' "$results") || true
	failed=$(grep -c '^failed' "$results") || true
	skipped=$(grep -c '^skipped' "$results") || true
	awk -F '\t' '
		/^skipped/ { name = $2; show = 1; next }
		/^(passed|failed)/ { show = 0 }
		show && /^\|/ { print "skipped: " name ": " substr($0, 2); show = 0 }' "$results"
	awk -F '\t' '
		/^failed/ { print "\nFAILED: " $2; show = 1; next }
		/^(passed|skipped)/ { show = 0 }
		show { print "    " substr($0, 2) }' "$results"
	[ "${TIMES:-}" ] || ! [ -s "$times" ] || { printf '\n'; sort -rn "$times"; }
	[ $((passed + failed + skipped)) -gt 0 ] || say "error: no test is called $T"
	printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
}

case $arch in
x86_64 | i386 | ia64) ;;
*) die "no tests for ARCH=$arch: it is x86_64, i386 or ia64" ;;
esac
mkdir -p "$OUT/test"
results=$(mktemp "$OUT/test/results.XXXXXX")
times=${TIMES:-$results.times}
trap 'rm -f "$results" "$results.times"' EXIT

# Nothing can boot it, but all of it can be compiled, linked and looked at.
if [ "$arch" = ia64 ]; then
	need build ia64
	check ia64/warnings "$TOP/scripts/lint.sh" compile-ia64
	syscalls ia64
	summary
	exit
fi

need guest
if [ "${REAL:-}" ]; then
	need vm
	"$TOP/scripts/vm-image.sh" >/dev/null
	gcc -O2 -Wall -Werror -static -o "$OUT/test/worker" "$TOP/scripts/guest/worker.c"
	rm -f "$OUT/test/real.qcow2"
	real real 'redis podman postgresql slice swapfile zswap frozen tool settings'
	real real-reboot reboot
	real real-debian purge KERNEL=debian
	rm -f "$OUT/test/real.qcow2"
	summary
	exit
fi
if [ "${DEBUG:-}" = kcsan ]; then
	"$TOP/scripts/initramfs.sh" >/dev/null
	kcsan
	summary
	exit
fi
if [ "$arch" = x86_64 ]; then
	check series mail_series
	check refresh refresh_edits
	check lint "$TOP/scripts/lint.sh"
fi
built "$arch" ARCH="$arch" || { summary; exit; }

if [ "$arch" = x86_64 ]; then
	check readme readme_commands
	check tap tap_results
	check step step_names
	check guest/input guest_input
	check guest/status guest_status
	check guest/make guest_make
	check guest/bytes guest_bytes
	check guest/swap guest_swap
	check guest/add guest_add
	check guest/panic guest_panic
	check guest/warning guest_warning
	check guest/hang guest_hang
	check bench/program bench_program
	syscalls x86_64
	check syscalls/wrong syscalls_wrong
	check tool/host tool_host
	check tool/guest tool_guest
	[ "${DEBUG:-}" ] || check deb deb_packages
	kunit kunit
	group numa
	group cgroup1
	[ "${DEBUG:-}" ] || group fake FAKE=1
	[ "${DEBUG:-}" ] || group compat PROGRAMS=i386
	check outsiders/stress-ng outsider stress-ng
	check outsiders/trinity outsider trinity
fi
syscalls i386
if picked guest/add-i386 && built guest/add-i386 ARCH=i386; then
	check guest/add-i386 guest_add_i386
fi
if picked guest/nodes-i386 && built guest/nodes-i386 ARCH=i386; then
	check guest/nodes-i386 guest_nodes_i386
fi
kunit kunit-i386 ARCH=i386
group i386 ARCH=i386
[ "${DEBUG:-}$arch" != 1x86_64 ] || kcsan

summary
