#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Boot a Debian 12 system with our packages installed: root's console, or one command. It
# has systemd, Redis, PostgreSQL, podman and stress-ng, and no network.
#
# usage: scripts/vm.sh, with these variables in the environment:
#   CMD="..."        run this with sh when the system has started, instead of a login. Its
#                    stdin, stdout and stderr are ours, and so is its exit status
#   ADD="file dir"   copy these, with the libraries they need, to /add (the
#                    working directory of CMD, and in its PATH)
#   KEEP=FILE        what the system writes is kept in this file, and found there the next
#                    time; else it is forgotten
#   KERNEL=debian    Debian's own kernel, which is installed beside ours
#   NODES=2 CPUS=2 MEM=2G     memory nodes, CPUs, memory in all, in MiB or with a
#                    suffix K, M or G; swap is on zram, half as large
#   APPEND="..."     more words for the kernel's command line
#   TIMEOUT=600      seconds after which the machine is ended (0: never)
#   ACCEL=kvm        instead of tcg
#
# The exit status is that of CMD; 124 if the time limit ended it; 125 if the machine died
# or the kernel complained on its console, out/log/console-*.log.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/guest/closure.sh"
. "$(dirname "$0")/guest/machine.sh"

# What scripts/vm/vm-unpack finds: an archive, as a disk.
pack_host()
{
	mkdir -p "$run/host/run/vm"
	window_size >"$run/host/run/vm/winsize"
	[ "$interactive" ] || printf '%s\n' "$CMD" >"$run/host/run/vm/cmd"
	[ -z "$ADD" ] || copy_added "$run/host/add" "$run/host"
	(cd "$run/host" && tar --owner=0 --group=0 -cf "$run/host.img" -- *)
}

KERNEL=${KERNEL:-linux} ACCEL=${ACCEL:-tcg} ADD=${ADD:-} APPEND=${APPEND:-} KEEP=${KEEP:-}
CPUS=${CPUS:-2} NODES=${NODES:-2}
number CPUS 1; number NODES 1
MEM=$(mebibytes "${MEM:-2048}")
[ "$MEM" -ge 1024 ] || die "MEM=${MEM}M is less than the system needs, 1024M"
[[ $KERNEL =~ ^(linux|debian)$ ]] || die "KERNEL=$KERNEL: it is linux (ours) or debian"
check_run
need guest vm
dir=$("$TOP/scripts/vm-image.sh")
begin_run "${BOOT_NAME:-vm}"
pack_host

overlay=${KEEP:-$run/disk.qcow2}
if [ ! -e "$overlay" ]; then
	qemu-img create -q -f qcow2 -b "$dir/disk.img" -F raw "$overlay"
elif [ "$overlay" -ot "$dir/disk.img" ]; then
	die "KEEP=$overlay: what it was written over, out/vm/disk.img, has been made again"
fi
# shellcheck disable=SC2054	# QEMU's own commas
args=(-nodefaults -display none -no-reboot -m "$MEM" -smp "$CPUS,sockets=$CPUS"
      -kernel "$dir/kernel/$KERNEL/vmlinuz" -initrd "$dir/kernel/$KERNEL/initrd.img"
      -device virtio-serial-pci,max_ports=8 -device virtio-rng-pci
      -drive "if=virtio,format=qcow2,cache=unsafe,file=$overlay")
disk host.img
# A person sees what is on the console, too, but not all that the kernel has to say.
if [ "$interactive" ]; then
	args+=(-chardev "stdio,id=console,mux=on,signal=off,logfile=$console")
	APPEND="loglevel=5 $APPEND"
else
	args+=(-chardev "file,id=console,path=$console")
fi
args+=(-serial chardev:console)
# Debian's kernel changes its text while it runs.
serial=
[ "$KERNEL" = linux ] || serial=1
accelerate
nodes_of_machine
# No emulated processor leaks, and to make up for it is slow.
args+=(-append "root=/dev/vda ro $append mitigations=off $APPEND")
run_machine
verdict "$console"
