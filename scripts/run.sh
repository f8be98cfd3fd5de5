#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The demonstration: a program whose memory is on node 0 is migrated to node 1 by
# Debian's migratepages while it runs, once on each path.
#
# usage: scripts/run.sh
#
# SIZE=MIB is the program's memory (256), TOUCH=PERCENT how much of it the program
# uses (25): the program reads this part all the time, and rewrites it afterwards.
# The exit status is 0 only if none of the memory was left on node 0, the part that
# the program touched is on node 1, and nothing is damaged.

. "$(dirname "$0")/lib.sh"

width=10		# cells of a full bar
column=24		# characters for one path
bold='' green='' red='' blue='' plain=''
if [ -t 1 ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' blue=$'\e[34m' plain=$'\e[0m'
fi
block='#'
[[ ${LANG:-} != *[Uu][Tt][Ff]* ]] || block=█

declare -A fact		# what guest/demo told: fact[PATH NAME]
paths=()		# that it has tried

# Reads the facts as they arrive, and says how far the guest is.
gather()
{
	local path name value

	while read -r path name value; do
		[ -n "$name" ] || continue
		fact[$path $name]=$value
		case $name in
		pages)  paths+=("$path")
			say "The program has filled $SIZE MiB on node 0; migratepages moves it to node 1 ($path) ..." ;;
		took)   say "... in $(seconds "$value")." ;;
		fail)   say "error: $value" ;;
		esac
	done
}

seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# bars WHEN FIELD COLOUR LABEL: field FIELD of the sample taken WHEN, on every path
bars()
{
	local path cells drawn value pages

	printf '  %-8s' "$4"
	for path in "${paths[@]}"; do
		value=$(field "$path" "$1" "$2")
		pages=${fact[$path pages]}
		cells=$((value * width / pages))
		[ "$value" = 0 ] || [ $cells -gt 0 ] || cells=1
		printf -v drawn '%*s' $cells ''
		printf '%s%s%s%*s%7d %3d %%  ' "$3" "${drawn// /$block}" "$plain" $((width - cells)) '' \
			"$value" $((value * 100 / pages))
	done
	printf '\n'
}

field() { cut -d' ' -f"$3" <<<"${fact[$1 $2]:-0 0 0 0 0}"; }

sample()
{
	printf '\n%s%s%s\n' "$bold" "$2" "$plain"
	bars "$1" 1 "$red" 'node 0'
	bars "$1" 2 "$green" 'node 1'
	bars "$1" 5 "$blue" swap
}

# row LABEL FACT [FIELD]: a figure on every path
row()
{
	local path

	[ -n "${fact[${paths[0]} $2]:-}" ] || return 0
	printf '  %-24s' "$1"
	for path in "${paths[@]}"; do
		printf '%10d' "$(field "$path" "$2" "${3:-1}")"
	done
	printf '\n'
}

show()
{
	local path

	printf '\n%s%-10s' "$bold" 'Pages'
	for path in "${paths[@]}"; do
		printf '%-*s' $((column + 1)) "path: $path"
	done
	printf '%s\n' "$plain"
	sample before 'before'
	sample after 'right after migratepages PID 0 1'
	sample touched "after the program, still on the CPU of node 0, rewrote $TOUCH % of its memory"

	printf '\n%s%-26s' "$bold" 'Figures'
	printf '%10s' "${paths[@]}"
	printf '%s\n' "$plain"
	row 'evicted'                 count_evicted
	row 'moved'                   count_moved
	row 'neither (failed)'        count_failed
	row 'came back as told'       count_refault_hit
	row 'came back elsewhere'     count_refault_miss
	row 'the call took (ms)'      took
	row 'turns of the program'    turns 1
	row '   longest (ms)'         turns 2
	row 'its major faults'        faults
	row 'pages damaged'           wrong
}

# judge PATH: what is wrong with it, nothing if all is well
judge()
{
	local pages=${fact[$1 pages]} left back touched

	left=$(field "$1" after 1)
	touched=${fact[$1 touch]:-0}
	back=$(field "$1" touched 2)
	[ "$(field "$1" before 1)" = "$pages" ] || echo "$1: only $(field "$1" before 1) of $pages pages began on node 0"
	[ "${fact[$1 status]:-}" = 0 ] || echo "$1: migratepages ended with status ${fact[$1 status]:-none}"
	[ "$left" = 0 ] || echo "$1: $left of $pages pages were left on node 0"
	[ "$back" -ge "$touched" ] || echo "$1: only $back of $touched touched pages are on node 1"
	[ "${fact[$1 wrong]:-}" = 0 ] || echo "$1: ${fact[$1 wrong]:-unknown} of $pages pages are damaged"
}

verdict()
{
	local path faults=()

	[ "${#paths[@]}" -gt 0 ] || faults=("the program was never migrated")
	[ "${fact[guest ended]}" = 0 ] || faults+=("the guest ended with status ${fact[guest ended]}")
	for path in "${paths[@]}"; do
		mapfile -t -O ${#faults[@]} faults < <(judge "$path")
	done
	printf '\n'
	if [ ${#faults[@]} = 0 ]; then
		printf '%sresult: PASS%s' "$green" "$plain"
		for path in "${paths[@]}"; do
			printf ' %s: %d of %d pages left node 0, %d damaged;' "$path" \
				"$(field "$path" before 1)" "${fact[$path pages]}" "${fact[$path wrong]}"
		done | sed 's/;$//'
		printf '\n'
		return 0
	fi
	printf '%sresult: FAIL%s' "$red" "$plain"
	printf ' %s;' "${faults[@]}" | sed 's/;$//'
	printf '\n'
	return 1
}

boot()
{
	local rc=0

	CMD="exec sh demo $SIZE $TOUCH" ADD="$OUT/guest/worker $TOP/scripts/guest/demo" \
		SWAP=disk BOOT_NAME=run "$TOP/scripts/boot.sh" </dev/null || rc=$?
	echo "guest ended $rc"
}

SIZE=${SIZE:-256} TOUCH=${TOUCH:-25}
[[ $SIZE =~ ^[1-9][0-9]*$ ]] || die "SIZE=$SIZE is not a number of MiB"
[ "$SIZE" -le 384 ] || die "SIZE=$SIZE: node 0 has room for 384 MiB"
if ! [[ $TOUCH =~ ^[0-9]+$ ]] || [ "$TOUCH" -gt 100 ]; then
	die "TOUCH=$TOUCH is not a percentage"
fi
need build
flags=()
if [ "${PROGRAMS:-${ARCH:-x86_64}}" = i386 ]; then
	need i386
	flags=(-m32)
fi
mkdir -p "$OUT/guest"
gcc "${flags[@]}" -O2 -Wall -Werror -o "$OUT/guest/worker" "$TOP/scripts/guest/worker.c"
gather < <(boot)
[ ${#paths[@]} = 0 ] || show
verdict
