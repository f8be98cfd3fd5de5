# SPDX-License-Identifier: GPL-2.0-only
#
# How long a client of Redis waits, over time: bench.sh sets results, runs and outfile.

set terminal svg size 720,900 font "sans,14" background "white"
set output outfile
set multiplot layout 5,1 title "Redis, 45 MiB: the longest GET of each 20 ms while its memory is migrated" \
	margins 0.09,0.97,0.07,0.93 spacing 0.025
set logscale y
set xrange [-0.5:8]
set yrange [0.1:100]
set ytics (0.1, 1, 10, 100)
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key off
set format x ""

# of one run
history(kernel, path) = sprintf("< awk -F '\\t' -v last=-1e9 '$1 ~ /^redis_%s_/ && $2 == \"%s\" && $3 ~ /^@/ { at = substr($3, 2) / 1000; if (at < last) exit; last = at; print at, $4 / 1000 }' %s", path, kernel, runs)
# of the call, in seconds
call(kernel, path) = real(system(sprintf("awk -F '\\t' '$1 ~ /^redis_%s_/ && $2 == \"%s\" && $3 == \"call\" { print $4 / 1000 }' %s", path, kernel, results)."; echo 0"))

# The call is what is shaded.
do for [panel in "base:direct:#777777:6.1 peer:direct:#d08770:6.12 linux:direct:#2ca02c:ours,_direct linux:swap:#1f77b4:ours,_swap linux:auto:#9467bd:ours,_auto"] {
	field(n) = system(sprintf("echo '%s' | cut -d: -f%d | tr _ ' '", panel, n))
	if (field(4) eq "ours, auto") {
		set format x "%g"
		set xlabel "seconds since the call began"
	}
	set object 1 rectangle from 0, graph 0 to call(field(1), field(2)), graph 1 \
		fc rgb "#f0f0f0" fs solid noborder behind
	set label 1 field(4) at graph 0.99, graph 0.88 right
	set ylabel "ms" offset 1
	plot history(field(1), field(2)) with lines lc rgb field(3)
}
