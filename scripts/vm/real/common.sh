# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh disable=SC2034
#
# What the programs of this directory share. Each prints its results as TAP, for
# scripts/tap.pl: it calls "ok", and at its end "done_testing".

tests=0 failed=0
io=/run/real
mkdir -p $io

# ok NAME command...: a test that passes if the command succeeds; what it says is shown
ok()
{
	name=$1
	shift
	tests=$((tests + 1))
	if "$@" >$io/said 2>&1; then
		echo "ok $tests - $name"
	else
		echo "# status $? of: $*"
		sed 's/^/# /' $io/said
		echo "not ok $tests - $name"
		failed=$((failed + 1))
	fi
}

done_testing()
{
	echo "1..$tests"
	[ $failed = 0 ]
}

# Tests of figures that say what they have found: same WANTED FOUND, at_least LIMIT FOUND, ...
same() { echo "wanted $1, found $2"; [ "$1" = "$2" ]; }
at_least() { echo "at least $1, found $2"; [ "$2" -ge "$1" ]; }
at_most() { echo "at most $1, found $2"; [ "$2" -le "$1" ]; }

# Wait for what has to come, however long that takes: the machine has a time limit.
until_true()
{
	until "$@" >/dev/null 2>&1; do
		sleep 0.2
	done
}

counter() { sed -n "s/^swapmig_$1 //p" /proc/vmstat; }

# What the counters of the kernel have grown by since "remember".
remember() { evicted=$(counter evicted) moved=$(counter moved) hits=$(counter refault_hit); }
more_evicted() { at_least "$1" $(($(counter evicted) - evicted)); }
more_moved() { at_least "$1" $(($(counter moved) - moved)); }
more_left() { at_least "$1" $(($(counter evicted) + $(counter moved) - evicted - moved)); }
more_hits() { at_least "$1" $(($(counter refault_hit) - hits)); }

# field NAME: on stdin, lines of numa_maps; the sum of what they count as NAME
field()
{
	awk -v name="$1" '
		{ for (i = 2; i <= NF; i++) if (index($i, name "=") == 1) n += substr($i, length(name) + 2) }
		END { print n + 0 }'
}

# anon NAME PID: what a process has in mappings with private pages that are present
anon() { grep ' anon=' "/proc/$2/numa_maps" | field "$1"; }

# make_swap FILE: of 128 MiB, for swapon
make_swap()
{
	dd if=/dev/zero of="$1" bs=1M count=128 2>/dev/null
	chmod 600 "$1"
	mkswap -q "$1"
}

# worker "MIB [BITS]" command...: the command is to run "sh -c SCRIPT", its last words; the worker
# fills its memory, answers at 5 what it is asked at 4, and has its pages at $address
worker()
{
	size=$1
	shift
	rm -f $io/ask $io/answer
	mkfifo $io/ask $io/answer
	{
		"$@" sh -c "exec /add/worker $size <$io/ask >$io/answer" >$io/started 2>&1 ||
			echo "could not be started" >$io/answer
	} &
	exec 4<>$io/ask 5<$io/answer
	read -r _ address pages <&5
	pid=$(pidof worker)
}

tell() { echo "$*" >&4; }

ask()
{
	tell "$*"
	read -r _ answer <&5
}

# on NAME: how much of the worker's memory numa_maps counts so: N0, N1, swap, S1
on() { grep "^$address " "/proc/$pid/numa_maps" | field "$1"; }

intact()
{
	ask verify
	same 0 "$answer"
}

# The worker's memory is on node 1, after it has been used, and as it was.
arrived()
{
	ask touch 100
	ok "$1: the memory that was used is on node 1" same "$pages" "$(on N1)"
	ok "$1: the data are right" intact
}

quit()
{
	tell quit
	exec 4>&- 5<&-
	while pidof worker >/dev/null; do
		sleep 0.2
	done
}
