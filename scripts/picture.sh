#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The picture of "swapmig watch" in README: what it draws in a guest with a slow disk, while
# a program is migrated. It goes to out/picture/watch.svg; scripts/plot has a copy.
#
# usage: scripts/picture.sh

. "$(dirname "$0")/lib.sh"

rows=22 columns=84

need picture
tool=$("$TOP/scripts/tool.sh")
dir=$OUT/picture
rm -rf "$dir"
mkdir -p "$dir/terminfo/l" "$dir/frames"
cp /lib/terminfo/l/linux "$dir/terminfo/l"
gcc -O2 -Wall -Werror -o "$dir/worker" "$TOP/scripts/guest/worker.c"
say "A guest draws the picture ..."
DISK_BPS=3000000 SWAP=disk TIMEOUT=300 CMD="exec picture $rows $columns" \
	ADD="$tool $dir/worker $dir/terminfo /usr/bin/script $TOP/scripts/guest/picture" \
	"$TOP/scripts/boot.sh" >"$dir/drawn" </dev/null
grep -qF left "$dir/drawn" || die "the guest drew no call that is under way: $dir/drawn"
# As termtosvg reads a terminal's session.
perl -MJSON::PP -0777 -ne 'BEGIN { ($h, $w) = splice @ARGV, 0, 2 }
	print encode_json({ version => 2, width => $w + 0, height => $h + 0 }), "\n",
	      encode_json([1, "o", $_]), "\n"' $rows $columns "$dir/drawn" >"$dir/session.cast"
termtosvg render "$dir/session.cast" "$dir/frames" -s -t window_frame >"$dir/termtosvg.log" 2>&1 ||
	die "termtosvg failed: $dir/termtosvg.log"
frames=("$dir"/frames/*.svg)
cp "${frames[-1]}" "$dir/watch.svg"
say "$dir/watch.svg"
