# SPDX-License-Identifier: GPL-2.0-only
#
# The commands; each is a script in scripts/ that can be called by itself.

help:
	@sed -n 's/^#: \{0,1\}//p' Makefile

#: make run      the demonstration: move a running program through swap
#: make test     all tests; ends with "N passed, N failed, N skipped"
#: make soak     all races at once, MINUTES=10 on each kernel; prints its SEED=N
#: make bench    measure it beside the unmodified kernel and a later one
#: make picture  the picture of "swapmig watch" in README
#: make boot     a shell in the patched guest
#: make vm       a Debian 12 system with our packages, its services and containers
#: make tree     the patched kernel tree, in out/linux: edit there,
#: make refresh  take the edits in out/linux back to this repository
#: make series   the mail series, in out/series
#: make deb      Debian packages of the patched kernel and its tool for a real
#:               machine, in out/deb
#: make lint     checkpatch, sparse, shell and documentation checks
#: make clean    remove out/, where everything is built (not the ia64 compiler,
#:               which is kept in ~/.cache/swapmig)
#:
#: Variables, as in make boot CMD="numactl -H":
#:   KERNEL_SRC=DIR       the base: a Linux 6.1.y tree, which is only read,
#:   KERNEL_TARBALL=FILE  or an archive of one; else Debian's linux-source-6.1
#:   ARCH=i386            run, boot: a 32-bit kernel; test, soak: only its tests
#:   ARCH=ia64            test: build a cross compiler, link a kernel, look into it
#:   SIZE=MIB TOUCH=PERCENT   run: the program's memory, and how much it uses
#:   DEBUG=1              run, test, boot: a slow kernel with KASAN, lockdep, kmemleak
#:   DEBUG=kcsan          test, soak, boot: a slow kernel that finds data races
#:   REAL=1               test: a Debian system and its services, in the machine of make vm
#:   MINUTES=N SEED=N RACES="fork ..."   soak: how long, what is random, which
#:   T=GLOB               test: only the tests with such a name
#:   CONFIG=FILE          deb: the kernel's configuration; else that of Debian's own
#:   C="GLOB ..." RUNS=N  bench: only the cases with such names; so many times each
#:   STEP=NAME            refresh: which step of the series an edit belongs to
#:   FORCE=1              tree: drop the edits in out/linux
#:   CHECK=apply|build|boot   series: apply it with git am and compare with make
#:                        tree, or compile every step, or boot each, too
#:   CMD="COMMAND"        boot, vm: run this instead; make fails where it fails, and
#:                        scripts/boot.sh or vm.sh exits with its very status
#:   ADD="FILE DIR ..."   boot, vm: put them, and the libraries they need, in /add
#:   KEEP=FILE            vm: keep in it what the system writes, for the next time
#:   KERNEL=base          boot: the unmodified kernel
#:   KERNEL=debian        vm: Debian's own
#:   PROGRAMS=i386        boot: 32-bit programs on the 64-bit kernel
#:   APPEND="..."         boot, vm: more of a kernel command line
#:   SWAP=zram|disk|none  boot: where swap is
#:   MEM=2G CPUS=N NODES=N    boot, vm: the machine's size; a bare number is MiB
#:   FAKE=1               boot: emulate the nodes, by numa=fake=
#:   ICOUNT=1             boot: guest time counts instructions
#:   ACCEL=kvm            boot, vm: virtualise, do not emulate
#:   TIMEOUT=SECONDS      boot, vm: end a guest that takes longer
#:   JOBS=N               compile so many files at once

# What the user wrote, with the dollar signs that are meant for the guest.
ifdef CMD
override CMD := $(value CMD)
export CMD
endif

run test soak bench picture series deb lint:
	@scripts/$@.sh

# A command that fails in the guest is no error of make's: make that is asked a question
# runs lines with a plus, and passes a status of 1 on without a word.
ifeq ($(subst vm,boot,$(MAKECMDGOALS)),boot)
MAKEFLAGS += --question
endif
boot vm:
	+@scripts/$@.sh || exit 1

tree:
	@scripts/tree.sh linux

refresh:
	@scripts/tree.sh refresh

clean:
	rm -rf out

.PHONY: help run test soak bench picture boot vm tree refresh series deb lint clean
