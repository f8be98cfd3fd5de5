#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the guest's kernel and print the path of its image.
#
# usage: scripts/kernel.sh linux|base|peer|step
#
# linux is the patched tree, base the unmodified one, peer a later unmodified one, step
# what series.sh has put into out/step: the tree as of a step of the series.
# ARCH=x86_64 (the default), i386 or ia64 chooses the machine; the kernel for ia64 has
# no guest to boot in: it is linked only. DEBUG=1 adds costly checks, DEBUG=kcsan a
# look for data races (x86_64 only), BENCH=1 leaves out all checks, to be measured.
# The configuration is tinyconfig plus the fragments in scripts/config; each of their
# symbols must take effect.

. "$(dirname "$0")/lib.sh"

# The fragments that make up this kernel, the later ones winning.
fragments()
{
	local names=(common "$ARCH")

	if [ "$ARCH" = ia64 ]; then
		names=(ia64)
	elif [ "$BENCH" ]; then
		names+=(bench)
	else
		names+=(checks)
	fi
	[[ ! $name =~ linux|step ]] || [ "$BENCH" ] || names+=(linux)
	[ "$name" != peer ] || names+=(peer)
	case $DEBUG-$ARCH in
	1-x86_64) names+=(debug sanitize) ;;
	1-*) names+=(debug) ;;
	kcsan-*) names+=(kcsan) ;;
	esac
	printf "$TOP/scripts/config/%s.config\n" "${names[@]}"
}

build()
{
	make -C "$tree" O="$dir" ARCH="$ARCH" CROSS_COMPILE="$cross" CC="ccache ${cross}gcc" "$@"
}

configure()
{
	build "$start"
	cat "$@" >>"$dir/.config"
	build olddefconfig
	check_config "$dir/.config" "$@"
}

[ $# = 1 ] || die "usage: scripts/kernel.sh linux|base|peer|step"
name=$1
ARCH=${ARCH:-x86_64}
DEBUG=${DEBUG:-} BENCH=${BENCH:-}
[[ $name =~ ^(linux|base|peer|step)$ ]] ||
	die "no kernel is called '$name': it is linux (patched), base or peer"
[[ $ARCH =~ ^(x86_64|i386|ia64)$ ]] ||
	die "no kernel configuration for ARCH=$ARCH: it is x86_64, i386 or ia64"

need build
[ "$name" = step ] || "$TOP/scripts/tree.sh" "$name" >&2
tree=$OUT/$name
variant=$name$debug${BENCH:+-bench}
dir=$OUT/build/$ARCH-$variant
cross='' start=tinyconfig target=bzImage image=$dir/arch/x86/boot/bzImage
if [ "$ARCH" = ia64 ]; then
	cross=ia64-linux-gnu- start=allnoconfig target=vmlinux image=$dir/vmlinux
	compiler=$("$TOP/scripts/ia64-gcc.sh")
	PATH=$compiler:$PATH
fi
mapfile -t configs < <(fragments)
mkdir -p "$dir"

# The same sources must give the same objects, for ccache and for a reader who
# compares two builds.
export KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=swapmig KBUILD_BUILD_HOST=swapmig

# Two callers at once take turns.
exec 9>"$dir/.lock"
flock -n 9 || {
	say "waiting for another build of the $ARCH kernel $variant"
	flock 9
}

# The change time, unlike the modification time, cannot be set back.
if [ ! -e "$dir/.built" ] ||
   [ -n "$(find "$tree" "${configs[@]}" -cnewer "$dir/.built" -print -quit)" ]; then
	touch "$dir/.building"
	step "configure the $ARCH kernel $variant" configure "${configs[@]}"
	step "build the $ARCH kernel $variant" build -j"$JOBS" "$target"
	mv "$dir/.building" "$dir/.built"
fi
echo "$image"
