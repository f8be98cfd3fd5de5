#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot the guest: a shell in it, or one command.
#
# usage: scripts/boot.sh, with these variables in the environment:
#   CMD="..."        run this with sh in the guest, instead of a shell. Its stdin,
#                    stdout and stderr are ours, and so is its exit status
#   ADD="file dir"   copy these, with the libraries they need, to /add (the
#                    working directory of CMD, and in its PATH)
#   KERNEL=base      the unmodified kernel instead of the patched one
#   DEBUG=1, BENCH=1 a kernel that checks more, and is slower, or one that is to
#                    be measured
#   DEBUG=kcsan      a kernel that finds data races
#   ARCH=i386        a 32-bit kernel, and 32-bit programs in the guest
#   PROGRAMS=i386    32-bit programs, even on the x86_64 kernel
#   NODES=4 CPUS=2 MEM=2G     memory nodes, CPUs, memory in all, in MiB or with a
#                    suffix K, M or G; on i386 each node has 512 MiB or a multiple
#                    of it
#   SWAP=zram        swap is on zram, half as large as memory; or on a disk of 1 GiB
#                    (disk), or there is none (none)
#   FAKE=1           nodes emulated by the kernel, not by the machine
#   APPEND="..."     more words for the kernel's command line
#   TIMEOUT=600      seconds after which the guest is ended (0: never)
#   ICOUNT=1         one CPU with guest time = instructions * 8 ns
#   DISK_BPS=N       the disks take at most N bytes a second
#   ACCEL=kvm        instead of tcg
#
# The exit status is that of CMD; 124 if the time limit ended it; 125 if the
# guest died or the kernel complained on its console, out/log/console-*.log.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/guest/closure.sh"
. "$(dirname "$0")/guest/machine.sh"

# The functions of mm/swapmig, without inline ones of headers that others have as well.
our_functions()
{
	local objects=${image%/arch/*}

	[ -d "$objects/mm/swapmig" ] || return 0
	comm -12 <(nm "$objects/mm/swapmig/built-in.a" 2>/dev/null |
			awk '$2 ~ /^[Tt]$/ { print $3 }' | sort -u) \
		<(nm "$objects/vmlinux" | awk '{ print $3 }' | sort | uniq -u)
}

# The base has data races of its own. A report of KCSAN names the functions of one or
# both accesses: if none is ours it is no complaint. Nor is it one if unuse_pte_range() is
# the other: it reads page-table entries without their lock, and unuse_pte() looks again
# under it. The console's lines end with CR LF.
without_races_of_base()
{
	awk 'FILENAME == ARGV[1] { ours[$1]; next }
	     /BUG: KCSAN: / {
		mine = unlocked = 0
		for (i = 1; i <= NF; i++) {
			name = $i
			sub(/(\+0x.*)?\r?$/, "", name)
			mine += name in ours
			unlocked = unlocked || name == "unuse_pte_range"
		}
		(mine && !unlocked) || sub(/BUG: KCSAN: /, "race of the base: ")
	     }
	     { print }' <(our_functions) "$console"
}

# Files that the user brings go to a disk of their own, so that they take no
# memory of the guest; libraries must stand at the paths they have here.
add_files()
{
	copy_added "$run/add" "$run/overlay"
	/sbin/mkfs.ext4 -q -F -i 4096 -E root_owner=0:0 -d "$run/add" "$run/add.img" \
		$(($(du -sm "$run/add" | cut -f1) * 5 / 4 + 64))M >/dev/null
}

# The initramfs and what is particular to this boot, one archive after the other.
make_initrd()
{
	cat "$initramfs"
	(cd "$run/overlay" && find . | cpio -o -H newc -R 0:0 --quiet)
}

KERNEL=${KERNEL:-linux} ARCH=${ARCH:-x86_64} ACCEL=${ACCEL:-tcg} ADD=${ADD:-} APPEND=${APPEND:-}
PROGRAMS=${PROGRAMS:-$ARCH}
export ARCH PROGRAMS
section=512	# MiB
# A 32-bit kernel does not read the machine's nodes.
[ "$ARCH" != i386 ] || FAKE=1
if [ -n "${ICOUNT:-}" ]; then
	CPUS=${CPUS:-1} NODES=${NODES:-2} MEM=${MEM:-1024}
	if [ "$CPUS" != 1 ] || [ "$ACCEL" != tcg ]; then
		die "ICOUNT=1 needs CPUS=1 and ACCEL=tcg"
	fi
fi
CPUS=${CPUS:-2} NODES=${NODES:-4}
number CPUS 1; number NODES 1
# A 32-bit kernel tells a page's node by its section of memory: two nodes in one section
# end in nodes that vanish, or in death before there is a console.
[ "$ARCH" != i386 ] || MEM=${MEM:-$((NODES * section))}
# KASAN alone takes an eighth of the memory.
[ -z "${DEBUG:-}" ] || MEM=${MEM:-2560}
MEM=$(mebibytes "${MEM:-2048}")
[ "$MEM" -ge 128 ] || die "MEM=${MEM}M is less than a guest needs, 128M"
if [ "$ARCH" = i386 ] && [ $((MEM % (NODES * section))) != 0 ]; then
	die "MEM=${MEM}M: each of the $NODES nodes of an i386 guest needs $section MiB, or a multiple of it"
fi
SWAP=${SWAP:-zram}
[[ $SWAP =~ ^(zram|disk|none)$ ]] || die "SWAP=$SWAP: it is zram, disk or none"
check_run

case $ARCH-$PROGRAMS in
ia64-*) die "ARCH=ia64: nothing emulates such a machine; make test ARCH=ia64 links its kernel" ;;
i386-x86_64) die "PROGRAMS=x86_64: a 32-bit kernel cannot run them" ;;
*-i386 | x86_64-x86_64) ;;
x86_64-*) die "PROGRAMS=$PROGRAMS: they are for x86_64 or i386" ;;
esac
need guest
image=$("$TOP/scripts/kernel.sh" "$KERNEL")
initramfs=$("$TOP/scripts/initramfs.sh")
has=${initramfs%/*}/root
[ "$PROGRAMS" = x86_64 ] || packages=$("$TOP/scripts/packages.sh" "$PROGRAMS")

begin_run "${BOOT_NAME:-$KERNEL}"
mkdir "$run/overlay"
window_size >"$run/overlay/winsize"
[ "$interactive" ] || printf '%s\n' "$CMD" >"$run/overlay/cmd"
echo "$SWAP" >"$run/overlay/swap"

# shellcheck disable=SC2054	# QEMU's own commas
args=(-nodefaults -display none -no-reboot -m "$MEM" -smp "$CPUS,sockets=$CPUS"
      -kernel "$image" -initrd "$run/initrd"
      -chardev "file,id=console,path=$console" -serial chardev:console
      -device virtio-serial-pci,max_ports=8)
# With DEBUG=1 it takes minutes to interpret what ACPI says of interrupts.
append+="${DEBUG:+ acpi=noirq} $APPEND"
accelerate
if [ -n "${FAKE:-}" ]; then
	# A CPU belongs to several emulated nodes, which workqueues warn about.
	append="numa=fake=$NODES workqueue.disable_numa $append"
else
	nodes_of_machine
fi
args+=(-append "$append")

truncate -s 1G "$run/swap.img"
truncate -s 256M "$run/ext4.img"
# Nothing is left for the guest to finish while it is measured.
/sbin/mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$run/ext4.img"
disk swap.img
disk ext4.img
if [ -n "$ADD" ]; then
	add_files
	disk add.img
fi
make_initrd >"$run/initrd"

[ -z "$interactive" ] ||
	args+=(-chardev "stdio,id=tty,mux=on,signal=off" -device "virtconsole,chardev=tty")
run_machine
judged=$console
if [ "$debug" = -kcsan ]; then
	judged=$run/console
	without_races_of_base >"$judged"
	races=$(sed -n 's/.*race of the base: //p' "$judged" | sort -u | wc -l)
	say "KCSAN: $races races of the base are left out"
fi
verdict "$judged"
