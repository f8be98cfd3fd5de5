#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guest's root file system and print the path of its archive.
#
# usage: scripts/initramfs.sh
#
# BusyBox, Debian's migratepages, numactl and numastat, the selftests, and our
# init. PROGRAMS=x86_64 or i386 says what machine they are for; the default is that
# of the kernel, ARCH. The archive is made again only when one of its files has
# changed.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/guest/closure.sh"

tools=(/usr/bin/migratepages /usr/bin/numactl /usr/bin/numastat)

# The kernel tree's own rules build and install the selftests.
build_selftests()
{
	rm -rf "$selftests/install"
	make -C "$OUT/linux/tools/testing/selftests" O="$selftests" TARGETS=swapmig \
		ARCH="$arch" "${compiler[@]}" FORCE_TARGETS=1 \
		KSFT_INSTALL_PATH="$selftests/install" install
}

populate()
{
	local applet

	rm -rf "$root"
	install -D -t "$root/usr/bin" "${tools[@]/#/$packages}"
	install -D "$packages/bin/busybox" "$root/bin/busybox"
	# asked of our own, which has the same: this machine need not run the other
	while read -r applet; do
		mkdir -p "$root/$(dirname "$applet")"
		[ -e "$root/$applet" ] || ln -s /bin/busybox "$root/$applet"
	done < <(busybox --list-full)
	install "$TOP/scripts/guest/init" "$root/init"
	install -D "$TOP/scripts/guest/selftests" "$root/usr/libexec/kselftest/selftests"
	install -D -m 644 "$TOP/scripts/guest/shell" "$root/etc/shell"
	printf '%s\n' root:x:0:0::/root:/bin/sh user:x:1000:1000::/tmp:/bin/sh \
		other:x:1001:1001::/tmp:/bin/sh nobody:x:65534:65534::/tmp:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: tty:x:5: user:x:1000: other:x:1001: nogroup:x:65534: >"$root/etc/group"
	: >"$root/etc/fstab"	# swapoff -a wants to read it
	if [ -d "$selftests/install/swapmig" ]; then
		mkdir -p "$root/usr/libexec/kselftest"
		cp -r "$selftests"/install/{swapmig,kselftest-list.txt} "$root/usr/libexec/kselftest/"
	fi
	closure "$root" "${tools[@]/#/$packages}" "$root"/usr/libexec/kselftest/swapmig/*
	(cd "$root" && find . | sort | cpio -o -H newc -R 0:0) >"$archive.new"
	mv "$archive.new" "$archive"
}

arch=${PROGRAMS:-${ARCH:-x86_64}}
case $arch in
x86_64)
	need guest
	compiler=() ;;
i386)
	need guest i386
	packages=$("$TOP/scripts/packages.sh" i386)
	compiler=(CC='gcc -m32') ;;
*) die "PROGRAMS=$arch: they are for x86_64 or i386" ;;
esac
root=$OUT/guest/$arch/root
archive=$OUT/guest/$arch/initramfs.cpio
selftests=$OUT/build/selftests-$arch

"$TOP/scripts/tree.sh" linux >&2
mkdir -p "$OUT/guest/$arch" "$selftests"
exec 9>"$OUT/guest/$arch/.lock"
flock 9

sources=$OUT/linux/tools/testing/selftests/swapmig
if [ -d "$sources" ] && { [ ! -e "$selftests/.built" ] ||
   [ -n "$(find "$sources" -cnewer "$selftests/.built" -print -quit)" ]; }; then
	touch "$selftests/.building"
	step "build the selftests for $arch" build_selftests
	mv "$selftests/.building" "$selftests/.built"
fi

inputs=("$0" "$TOP"/scripts/guest/{init,shell,selftests,closure.sh}
	"$packages/bin/busybox" "${tools[@]/#/$packages}")
[ ! -d "$selftests/install" ] || inputs+=("$selftests/install")
if [ ! -e "$archive" ] || [ -n "$(find "${inputs[@]}" -cnewer "$archive" -print -quit)" ]; then
	step "make the root file system of $arch" populate
fi
echo "$archive"
