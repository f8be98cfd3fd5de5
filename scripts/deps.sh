#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh GROUP...: install what is missing of these groups. Silent and quick
# when nothing is missing.

. "$(dirname "$0")/lib.sh"

# Debian's package and how to tell that it is there: a command or a file.
# We look for the things, not for the packages, because the list of what is
# missing then helps on other systems too.
declare -A group=(
	[tree]='git:git patch:patch perl:perl xz-utils:xz'
	[debian-source]='linux-source-6.1:/usr/src/linux-source-6.1.tar.xz'
	[peer-source]='linux-source-6.12:/usr/src/linux-source-6.12.tar.xz'
	[build]='gcc:gcc libc6-dev:/usr/include/stdio.h make:make flex:flex bison:bison bc:bc
		 libelf-dev:/usr/include/libelf.h ccache:ccache rsync:rsync'
	[deb]='dpkg-dev:dpkg-buildpackage fakeroot:fakeroot kmod:depmod cpio:cpio
	       libssl-dev:/usr/include/openssl/ssl.h openssl:openssl'
	[debian-config]='linux-config-6.1:/usr/src/linux-config-6.1'
	[i386]='gcc-multilib:/usr/include/asm libc6-dev-i386:/usr/lib32/crt1.o'
	[ia64]='gcc-12-source:/usr/src/gcc-12 g++:g++ binutils-ia64-linux-gnu:ia64-linux-gnu-ld
		 libgmp-dev:/usr/include/gmpxx.h libmpfr-dev:/usr/include/mpfr.h
		 libmpc-dev:/usr/include/mpc.h zlib1g-dev:/usr/include/zlib.h'
	[guest]='qemu-system-x86:qemu-system-x86_64 busybox-static:busybox cpio:cpio
		 numactl:numactl libnuma-dev:/usr/include/numa.h e2fsprogs:/sbin/mkfs.ext4
		 perl:prove'
	[vm]='mmdebstrap:mmdebstrap qemu-utils:qemu-img e2fsprogs:/sbin/mkfs.ext4
	      debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg'
	[tool]='gcc:gcc libc6-dev:/usr/include/stdio.h make:make pkg-config:pkg-config
		libncurses-dev:/usr/include/ncurses.h libnuma-dev:/usr/include/numa.h'
	[outsiders]='stress-ng:stress-ng trinity:trinity'
	[bench]='gnuplot-nox:gnuplot redis-tools:redis-check-rdb'
	[picture]='termtosvg:termtosvg bsdutils:script gcc:gcc libc6-dev:/usr/include/stdio.h perl:perl'
	[lint]='sparse:sparse shellcheck:shellcheck python3-docutils:/usr/bin/rst2html
		mandoc:mandoc'
)

[ $# -gt 0 ] || die "usage: deps.sh GROUP... (groups: ${!group[*]})"
missing=()
for name; do
	[ -n "${group[$name]-}" ] || die "deps.sh: no group '$name' (groups: ${!group[*]})"
	for entry in ${group[$name]}; do
		probe=${entry#*:}
		[ -e "$probe" ] || PATH=$PATH:/usr/sbin:/sbin command -v "$probe" >/dev/null ||
			missing+=("${entry%%:*}")
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
	die "these are missing (Debian's names), please install them: ${missing[*]}"
root=()
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null ||
		die "these packages are missing, and there is no sudo to install them with: ${missing[*]}"
	# ask for the password here, where it can be seen
	sudo -v
	root=(sudo)
fi

install_missing()
{
	"${root[@]}" apt-get update
	"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "${missing[@]}"
}
step "install ${missing[*]}" install_missing || die "could not install: ${missing[*]}"
