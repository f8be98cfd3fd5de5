#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build a compiler for ia64 kernels, of which Debian has no package, and print the
# directory of its commands.
#
# usage: scripts/ia64-gcc.sh
#
# The sources are Debian's gcc-12-source; assembler and linker are Debian's. The
# compiler is kept in ~/.cache/swapmig, or in out/ if that cannot be written, and
# used again until the package changes.

. "$(dirname "$0")/lib.sh"

target=ia64-linux-gnu

# Nothing but C, and no libraries: a kernel brings its own.
configure()
{
	"$1"/configure --target=$target --prefix="$prefix" --enable-languages=c \
		--without-headers --with-as=/usr/bin/$target-as --with-ld=/usr/bin/$target-ld \
		--disable-bootstrap --disable-nls --disable-lto --disable-plugin --disable-shared \
		--disable-multilib --disable-threads --disable-libssp --disable-libcc1 \
		--disable-gcov --without-isl --without-zstd --with-system-zlib \
		CFLAGS='-O1 -g0' CXXFLAGS='-O1 -g0'
}

unpack()
{
	local archive

	rm -rf "$work"
	mkdir -p "$work/new" "$work/build"
	archive=$(echo /usr/src/gcc-12/gcc-12.*.tar.xz)
	tar -C "$work/new" --strip-components=1 --no-same-owner -xJf "$archive"
	mv "$work/new" "$work/source"
}

# Debian leaves the manual out, which one file that the build makes is compared
# with.
build()
{
	cd "$work/build"
	[ -e Makefile ] || configure ../source
	make -j"$JOBS" MAKEINFO=true configure-gcc
	touch gcc/s-tm-texi
	make -j"$JOBS" MAKEINFO=true all-gcc
}

install_gcc()
{
	cd "$work/build"
	touch gcc/s-tm-texi
	make MAKEINFO=true DESTDIR="$work/root" install-gcc
	rm -rf "$work/root$prefix/share"
	# a compiler that cannot compile is not to be kept
	echo 'long f(long a, long b) { return a * b; }' |
		"$work/root$prefix/bin/$target-gcc" -O2 -c -x c -o /dev/null -
	mkdir -p "${prefix%/*}"
	rm -rf "$prefix"
	mv "$work/root$prefix" "$prefix"
}

need build ia64
version=$(dpkg-query -W -f '${Version}' gcc-12-source 2>/dev/null || echo unknown)
version=${version//[^A-Za-z0-9.+-]/_}
cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/swapmig
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$OUT
prefix=$cache/gcc-$target-$version
work=$OUT/build/gcc-$target

mkdir -p "$work"
exec 9>"$OUT/build/.gcc-$target.lock"
flock -n 9 || {
	say "waiting for another build of the ia64 compiler"
	flock 9
}
if [ ! -x "$prefix/bin/$target-gcc" ]; then
	# a build that was interrupted goes on
	[ -d "$work/source" ] || step "unpack gcc for ia64" unpack
	step "build gcc for ia64, about 11 minutes" build
	step "install gcc for ia64 in $(short "$prefix")" install_gcc
	rm -rf "$work"
fi
echo "$prefix/bin"
