#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the tool swapmig for this machine, from the patched tree, and print its path.
#
# usage: scripts/tool.sh [DIRECTORY]
#
#   DIRECTORY     install it there, too, as below /, with its man page and completion

. "$(dirname "$0")/lib.sh"

dir=$OUT/build/tool

build() { make -C "$OUT/linux/tools/mm/swapmig" O="$dir" CFLAGS='-O2 -g -Werror' "$@"; }

install_tool()
{
	build install DESTDIR="$1"
	install -D -m 644 "$TOP/man/swapmig.8" "$1/usr/share/man/man8/swapmig.8"
	gzip -9nf "$1/usr/share/man/man8/swapmig.8"
}

need tool
"$TOP/scripts/tree.sh" linux >&2
mkdir -p "$dir"
step "build the tool" build
[ $# = 0 ] || step "install the tool in $(short "$1")" install_tool "$(realpath -m "$1")"
echo "$dir/swapmig"
