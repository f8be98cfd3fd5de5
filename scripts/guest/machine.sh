# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A machine that QEMU emulates: what scripts/boot.sh and scripts/vm.sh share. The
# caller gathers QEMU's arguments in the array args.

# What a kernel says when something is wrong with it.
complaints='WARNING: |BUG: |kernel BUG at|Kernel panic|PANIC: |Oops|general protection fault|'\
'INFO: task .* blocked|INFO: rcu|rcu: INFO|soft lockup|hard LOCKUP|suspicious RCU usage|'\
'possible (circular|recursive|irq lock)|inconsistent lock state|list_(add|del) corruption|'\
'refcount_t: |Bad page |bad_page|Bad rss-counter|page dumped because|scheduling while atomic|'\
'sleeping function called|(KASAN|KCSAN|KFENCE|UBSAN): |unreferenced object|held lock freed|'\
'unable to handle|Unable to handle kernel|stack-protector'

# The check of the timer counts ticks in real time, which a busy host lacks.
# shellcheck disable=SC2034	# for the caller
append='console=ttyS0 panic=-1 oops=panic no_timer_check'

number()
{
	if ! [[ ${!1} =~ ^[0-9]{1,9}$ ]] || [ "${!1}" -lt "$2" ]; then
		die "$1=${!1} is not a number from $2 on"
	fi
}

# mebibytes TEXT: what it means as an amount of memory, in the words of QEMU
mebibytes()
{
	[[ $1 =~ ^0*([0-9]{1,9})([kKmMgG]?)$ ]] ||
		die "MEM=$1 is no amount of memory, as 2048, 2048M, 2G or 2097152K are"
	case ${BASH_REMATCH[2]} in
	[kK]) echo $((BASH_REMATCH[1] / 1024)) ;;
	[gG]) echo $((BASH_REMATCH[1] * 1024)) ;;
	*)    echo "${BASH_REMATCH[1]}" ;;
	esac
}

# What is run, for how long and with which files, before anything is built.
check_run()
{
	local file

	# Input that does not come from a person is a script for the guest's shell.
	[ -n "${CMD:-}" ] || [ -t 0 ] || CMD="sh"
	interactive=
	[ -n "${CMD:-}" ] || interactive=1
	TIMEOUT=${TIMEOUT:-$([ "$interactive" ] && echo 0 || echo 600)}
	number TIMEOUT 0
	for file in $ADD; do
		[ -e "$file" ] || die "ADD: $file does not exist"
	done
	if [ "$ACCEL" = kvm ]; then
		[ -w /dev/kvm ] || die "ACCEL=kvm: cannot use /dev/kvm"
	else
		[ "$ACCEL" = tcg ] || die "ACCEL=$ACCEL: it is tcg or kvm"
	fi
}

# begin_run NAME: sets run, a directory that goes when we end, and console, its log:
# guests that run at the same time write different ones.
begin_run()
{
	local slot=$1 n

	mkdir -p "$OUT/log"
	for ((n = 2; ; n++)); do
		console=$OUT/log/console-$slot.log
		exec 8>>"$console"
		! flock -n 8 || break
		slot=$1-$n
	done
	: >"$console"
	run=$(mktemp -d "$OUT/boot.XXXXXX")
	trap finish EXIT
	trap 'exit 130' INT TERM
}

# shellcheck disable=SC2046,SC2317	# a word per process; called by the trap
finish()
{
	kill $(jobs -p) 2>/dev/null || true
	rm -rf "$run"
}

# A command for the guest's terminal to be as large as ours.
window_size()
{
	[ -z "$interactive" ] || ! stty size >/dev/null 2>&1 ||
		stty size | awk '{ print "stty rows " $1 " cols " $2 }'
}

# copy_added DIR ROOT: the files that the user brings, and below ROOT what they need:
# libraries must stand at the paths they have here.
copy_added()
{
	local file name
	local -a files

	mkdir -p "$1"
	for file in $ADD; do
		name=$(basename "$(realpath "$file")")
		[ ! -e "$1/$name" ] || die "ADD: two files are called $name"
		cp -rL "$file" "$1/$name"
	done
	mapfile -d '' files < <(find "$1" -type f -print0)
	closure "$2" "${files[@]}"
}

# The machine's nodes share its memory evenly and take turns to get a CPU.
nodes_of_machine()
{
	local node cpu

	for ((node = 0; node < NODES; node++)); do
		args+=(-object "memory-backend-ram,id=m$node,size=$(((MEM + node) / NODES))M")
		args+=(-numa "node,nodeid=$node,memdev=m$node")
	done
	for ((cpu = 0; cpu < CPUS; cpu++)); do
		args+=(-numa "cpu,node-id=$((cpu % NODES)),socket-id=$cpu")
	done
}

# QEMU up to 7.2 executes stale code when its CPUs run in parallel while a kernel changes
# its own text, as those with jump labels do: serial has them take turns.
accelerate()
{
	case $ACCEL${ICOUNT:+-icount}${serial:+-serial} in
	kvm*)       args+=(-accel kvm -cpu host) ;;
	tcg)        args+=(-accel "tcg,thread=multi" -cpu max) ;;
	tcg-serial) args+=(-accel "tcg,thread=single" -cpu max) ;;
	tcg-icount) args+=(-accel "tcg,thread=single" -cpu qemu64 -icount "shift=3,align=off,sleep=off") ;;
	esac
}

disk()
{
	args+=(-drive "if=virtio,format=raw,cache=unsafe,file=$run/$1${DISK_BPS:+,throttling.bps-total=$DISK_BPS}")
}

# A port of the guest that writes to (and may read from) a character device.
port()
{
	args+=(-chardev "$2,id=$1" -device "virtserialport,chardev=$1,name=$1")
}

# Run the machine until it ends or its time is up: sets rc. A command talks to us
# through three ports, and its status comes through a fourth.
run_machine()
{
	local limit feeder guest out err

	limit=(timeout --foreground -k 5 "$TIMEOUT")
	port status "file,path=$run/status"
	rc=0
	if [ "$interactive" ]; then
		"${limit[@]}" qemu-system-x86_64 "${args[@]}" 8>&- || rc=$?
		return
	fi
	# The output passes through files: a guest whose reader pauses must
	# not pause inside of its driver. The input passes through a pipe:
	# QEMU would make our own stdin non-blocking.
	port stdin "stdio,signal=off"
	port stdout "file,path=$run/stdout"
	port stderr "file,path=$run/stderr"
	mkfifo "$run/stdin"
	: >"$run/stdout"
	: >"$run/stderr"
	exec 7<&0
	cat <&7 >"$run/stdin" 8>&- &
	feeder=$!
	"${limit[@]}" qemu-system-x86_64 "${args[@]}" <"$run/stdin" >"$run/qemu.log" 2>&1 8>&- &
	guest=$!
	tail -q -c +1 -s 0.2 -f --pid=$guest "$run/stdout" 2>/dev/null 8>&- &
	out=$!
	tail -q -c +1 -s 0.2 -f --pid=$guest "$run/stderr" >&2 2>/dev/null 8>&- &
	err=$!
	wait $guest || rc=$?
	wait $out $err || true
	kill $feeder 2>/dev/null || true
	wait $feeder 2>/dev/null || true
}

# verdict CONSOLE: end with what became of the machine. CONSOLE is searched for a kernel
# in trouble.
verdict()
{
	local status

	status=$(cat "$run/status" 2>/dev/null || true)
	if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
		say "error: the guest did not finish in $TIMEOUT s and was ended; the last lines of its console:"
		tail -n 20 "$console" | sed 's/^/    /' >&2
		rc=124
	elif [ "$rc" != 0 ]; then
		say "error: QEMU failed with status $rc"
		[ ! -e "$run/qemu.log" ] || sed 's/^/    /' "$run/qemu.log" >&2
		rc=125
	elif [ -z "$status" ] && [ -z "$interactive" ]; then
		say "error: the guest died"
		rc=125
	else
		rc=${status:-0}
	fi
	if grep -qE "$complaints" "$1"; then
		say "error: the kernel complained on its console, $(short "$console"):"
		grep -nE -A60 "$complaints" "$1" | cut -c -160 | head -n 60 | sed 's/^/    /' >&2
		[ "$rc" = 124 ] || rc=125
	elif [ "$rc" = 125 ]; then
		say "the last lines of its console, $(short "$console"):"
		tail -n 40 "$console" | sed 's/^/    /' >&2
	fi
	exit "$rc"
}
