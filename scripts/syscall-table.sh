#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Look into a linked kernel: does the number of migrate_pages lead to its code?
#
# usage: scripts/syscall-table.sh ARCH [VMLINUX]
#
# ARCH is x86_64 (both its own calls and those of 32-bit programs), i386 or ia64.
# VMLINUX is by default the patched kernel that scripts/kernel.sh has built last.
# The script also compares the number in the header for user space, and checks the
# neighbours of the entry: a wrong reading of the table would show other calls
# there. The exit status is 0 only if all of them are right.

. "$(dirname "$0")/lib.sh"

# word ADDRESS: what the image has there, as hexadecimal digits
word()
{
	local bytes

	bytes=$("${tools}objdump" -s --start-address="0x$1" --stop-address="0x$(plus "$1" "$size")" \
		"$vmlinux" | awk '/^ [0-9a-f]+ / { print $2 $3 }' | head -n 1)
	[ ${#bytes} -ge $((2 * size)) ] || die "$(short "$vmlinux") has no data at $1"
	# the first byte is the lowest
	fold -w 2 <<<"${bytes:0:2 * size}" | tac | tr -d '\n'
}

# plus ADDRESS NUMBER: their sum
plus() { printf "%0$((2 * size))x" $(((16#$1 + $2) & mask)); }

# The address of a symbol, or nothing.
address() { awk -v name="$1" '$3 == name { print $1; exit }' "$symbols"; }

# The functions at an address. A call that was left out is a weak symbol, which
# does not count.
functions() { awk -v at="$1" '$1 == at && $2 ~ /^[Tt]$/ { print $3 }' "$symbols"; }

# in_array NAME NUMBER: where this array leads to
in_array()
{
	local table

	table=$(address "$1")
	[ "$table" ] || die "$(short "$vmlinux") has no $1"
	word "$(plus "$table" $(($2 * size)))"
}

# in_switch FUNCTION NUMBER: where the switch in this function leads to: it is
# compiled to a jump through a table of its cases, each of which calls or jumps
in_switch()
{
	local table case

	table=$("${tools}objdump" -d --no-show-raw-insn --disassemble="$1" "$vmlinux" |
		sed -nE 's/.*\tjmp +\*(-?0x[0-9a-f]+)\(,%[a-z]+,[48]\)$/\1/p')
	[[ $table =~ ^-?0x[0-9a-f]+$ ]] || die "no table of cases in $1 of $(short "$vmlinux")"
	case=$(word "$(plus 0 $((table + $2 * size)))")
	"${tools}objdump" -d --no-show-raw-insn --start-address="0x$case" \
		--stop-address="0x$(plus "$case" 32)" "$vmlinux" |
		sed -nE 's/.*\t(call|jmp) +([0-9a-f]+) <.*/\2/p' | head -n 1
}

# expect TABLE NUMBER NAME: the entry is this function's
expect()
{
	local at found

	case $1 in
	*_table) at=$(in_array "$1" "$2") ;;
	*)	 at=$(in_switch "$1" "$2") ;;
	esac
	found=$(functions "$at")
	if [[ " ${found//$'\n'/ } " == *" $3 "* ]]; then
		say "  $1: $2 is $3"
	else
		say "error: $1: $2 is ${found:-no function} ($at), not $3"
		wrong=1
	fi
}

# entry TABLE NUMBER PREFIX OPENAT: migrate_pages has this number, and its
# neighbours are where they were, openat being the next
entry()
{
	expect "$1" $(($2 - 1)) "$3inotify_rm_watch"
	expect "$1" "$2" "$3migrate_pages"
	expect "$1" $(($2 + 1)) "$4"
}

# header NUMBER FILE: user space is told this number
header()
{
	local value

	value=$(awk '$2 == "__NR_migrate_pages" { sub(/.*__NR_migrate_pages[ \t]+/, ""); print }' "$2")
	value=${value//__NR_Linux/1024}
	if [ "$value" ] && [ $((value)) = "$1" ]; then
		say "  __NR_migrate_pages is $1 in ${2##*/}"
	else
		say "error: __NR_migrate_pages is ${value:-missing}, not $1, in $(short "$2")"
		wrong=1
	fi
}

arch=${1-}
tools='' size=8 mask=-1
case $arch in
x86_64) ;;
i386)	size=4 mask=$((0xffffffff)) ;;
ia64)	tools=ia64-linux-gnu- ;;
*)	die "usage: scripts/syscall-table.sh x86_64|i386|ia64 [VMLINUX]" ;;
esac
objects=$OUT/build/$arch-linux$debug
vmlinux=${2:-$objects/vmlinux}
[ -e "$vmlinux" ] || die "$vmlinux does not exist: scripts/kernel.sh builds it"
symbols=$(mktemp)
trap 'rm -f "$symbols"' EXIT
"${tools}nm" "$vmlinux" >"$symbols"

wrong=0
uapi=$objects/arch/x86/include/generated/uapi/asm
case $arch in
x86_64)
	entry sys_call_table 256 __x64_sys_ __x64_sys_openat
	entry x64_sys_call 256 __x64_sys_ __x64_sys_openat
	header 256 "$uapi/unistd_64.h"
	entry ia32_sys_call 294 __ia32_sys_ __ia32_compat_sys_openat
	header 294 "$uapi/unistd_32.h" ;;
i386)
	entry sys_call_table 294 __ia32_sys_ __ia32_sys_openat
	entry ia32_sys_call 294 __ia32_sys_ __ia32_sys_openat
	header 294 "$uapi/unistd_32.h" ;;
ia64)
	entry sys_call_table 256 sys_ sys_openat
	header 1280 "$objects/arch/ia64/include/generated/uapi/asm/unistd_64.h" ;;
esac
exit $wrong
