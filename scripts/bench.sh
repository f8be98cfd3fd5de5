#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The measurements: ours beside the base and beside a later kernel.
#
# usage: scripts/bench.sh
#	 scripts/bench.sh program	only build what the guests run, and print its path
#
#   C="GLOB..." only the cases whose names match ("copy_64M stall_*")
#   RUNS=3     how often a case is repeated
#
# Three kernels with the same configuration: linux, the patched one; base, the
# unmodified one; peer, the latest one of Debian for this release. They run
# scripts/guest/bench.c, mostly where guest time counts instructions. The medians go
# to out/bench/results.tsv, and those of all cases into plots beside it. The exit status
# is 1 if a figure falls short of its promise; the output names the figure.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/guest/closure.sh"

C=${C:-*} RUNS=${RUNS:-3}
bench=$OUT/bench
runs=$bench/runs.tsv
kernels=(base peer linux)

# copy_page() as it is in the kernel image, with what it jumps to.
cut_copy_page()
{
	local vmlinux=$1 from to section address offset

	from=$(nm "$vmlinux" | awk '$3 == "copy_page" { print $1 }')
	to=$(nm -n "$vmlinux" | awk '$3 == "copy_page_regs" { found = 1; next } found == 1 { print $1; found = 2 }')
	section=$(readelf -SW "$vmlinux" | sed 's/^ *\[ *[0-9]*\]//' | awk '$1 == ".text" { print "0x" $3, "0x" $4 }')
	[[ $from && $to && $section ]] || die "$(short "$vmlinux") has no copy_page()"
	read -r address offset <<<"$section"
	dd if="$vmlinux" of="$bench/copy_page" iflag=skip_bytes,count_bytes status=none \
		skip=$((0x$from - address + offset)) count=$((0x$to - 0x$from))
}

# The server, and its libraries to be read from a disk. Debian's package of the server
# would start one on this machine; the tools that come with it are the same program.
copy_redis()
{
	local server

	server=$(command -v redis-check-rdb)
	cp "$server" "$bench/redis-server"
	rm -rf "$bench/redis-lib"
	mkdir "$bench/redis-lib"
	libraries "$server" | xargs cp -t "$bench/redis-lib"
}

# The guests' program, of the patched tree's own files: the library of the selftests
# needs what only a whole tree has.
build_program()
{
	local selftests=$OUT/linux/tools/testing/selftests/swapmig

	"$TOP/scripts/tree.sh" linux >&2
	mkdir -p "$bench"
	gcc -O2 -Wall -Werror -D_GNU_SOURCE -pthread -I"$selftests" -o "$bench/bench" \
		"$TOP"/scripts/guest/{bench,redis}.c "$selftests"/lib/*.c
}

# cases MACHINE: those that C picks
cases()
{
	local name machine glob

	"$bench/bench" list | while read -r name machine; do
		[ "$machine" = "$1" ] || continue
		for glob in "${globs[@]}"; do
			# shellcheck disable=SC2053	# a glob
			[[ $name != $glob ]] || { printf '%s ' "$name"; break; }
		done
	done
}

# measure MACHINE KERNEL [VARIABLE=VALUE...]: a guest runs these cases RUNS times
measure()
{
	local machine=$1 kernel=$2 since=$SECONDS names log
	shift 2

	names=$(cases "$machine")
	[ "$names" ] || return 0
	log=$OUT/log/bench-$machine-$kernel.log
	# shellcheck disable=SC2016	# the guest's dollar signs
	if ! env "$@" BENCH=1 KERNEL="$kernel" BOOT_NAME="bench-$machine-$kernel" \
		SWAP=none MEM=2048 NODES=2 TIMEOUT=1500 \
		ADD="$bench/bench $bench/copy_page $bench/redis-server $bench/redis-lib" NAMES="$names" \
		CMD="for run in $(seq -s ' ' "$RUNS"); do
			for name in $names; do ./bench \$name || exit; done
		done" "$TOP/scripts/boot.sh" </dev/null >"$log" 2>"$log.err"; then
		say "error: the $machine guest of the $kernel kernel failed after: $(tail -n 1 "$log")"
		sed 's/^/    /' "$log.err" | tail -n 30 >&2
		say "    whole log: $(short "$log")"
		return 1
	fi
	awk -v kernel="$kernel" -v OFS='\t' '{ print $1, kernel, $2, $3, $4 }' "$log" >>"$runs"
	say "  $kernel, $machine: $(wc -w <<<"$names") cases, $RUNS times, $((SECONDS - since)) s"
}

[[ $RUNS =~ ^[1-9][0-9]*$ ]] || die "RUNS=$RUNS is not a number from 1 on"
read -ra globs <<<"$C"
need build
build_program
if [ "${1-}" = program ]; then
	echo "$bench/bench"
	exit
fi
[ "$(cases icount)$(cases smp)$(cases disk)" ] ||
	die "no case is called $C; there are: $("$bench/bench" list | cut -d' ' -f1 | tr '\n' ' ')"
need guest bench
for kernel in "${kernels[@]}"; do
	BENCH=1 "$TOP/scripts/kernel.sh" "$kernel" >/dev/null
done
BENCH='' "$TOP/scripts/initramfs.sh" >/dev/null

mkdir -p "$OUT/log"
copy_redis
cut_copy_page "$OUT/build/x86_64-base-bench/vmlinux"
: >"$runs"

say "measure ($RUNS runs of each case, kernels: ${kernels[*]}) ..."
# The two figures that need real CPUs have them for themselves; a guest that counts
# instructions does not mind company.
pids=()
for kernel in "${kernels[@]}"; do
	measure icount "$kernel" ICOUNT=1 &
	pids+=($!)
done
rc=0
for pid in "${pids[@]}"; do
	wait "$pid" || rc=1
done
for kernel in "${kernels[@]}"; do
	measure smp "$kernel" || rc=1
done
# A disk that is slower than the emulated CPU, as disks are.
measure disk linux DISK_BPS=$((24 << 20)) || rc=1
[ $rc = 0 ] || exit 1

"$TOP/scripts/bench.pl" "$runs" "$bench/results.tsv" "$C" || rc=$?
# A plot of some cases would be a wrong picture.
[ "$C" = '*' ] || exit $rc
for plot in "$TOP"/scripts/plot/*.gp; do
	name=$(basename "$plot" .gp)
	! gnuplot -e "results='$bench/results.tsv'; runs='$runs'; outfile='$bench/$name.svg'" "$plot" || say "plot: out/bench/$name.svg"
done
exit $rc
