# SPDX-License-Identifier: GPL-2.0-only
#
# How long the process waits for mmap_lock: bench.sh sets runs and outfile.

set terminal svg size 720,440 font "sans,14" background "white"
set output outfile
set title "Longest wait of the process for mmap\\_lock during the call"
set xlabel "memory that is migrated (MiB)"
set ylabel "guest ms (125 000 instructions each)"
set logscale xy
set xrange [12:340]
set yrange [0.05:20000]
set xtics (16, 64, 256)
set grid ytics lc rgb "#dddddd"
set key outside right top reverse Left samplen 2 spacing 1.3
set border 3
set tics nomirror

# the longest of all runs
wait(kernel, path) = sprintf("< awk -F '\\t' '$2 == \"%s\" && $3 == \"stall_insn\" && $1 ~ /^%s_[0-9]+M$/ { sub(/.*_/, \"\", $1); if ($4 > most[$1 + 0]) most[$1 + 0] = $4 } END { for (size in most) print size, most[size] / 125000 }' %s | sort -n", kernel, path, runs)

plot wait("base", "stall_swap")   with linespoints lw 2 pt 4 lc rgb "#999999" title "6.1, MADV\\_PAGEOUT", \
     wait("base", "stall_direct") with linespoints lw 2 pt 5 lc rgb "#777777" title "6.1", \
     wait("peer", "stall_direct") with linespoints lw 2 pt 9 lc rgb "#d08770" title "6.12", \
     wait("linux", "stall_swap")  with linespoints lw 3 pt 7 lc rgb "#1f77b4" title "ours, swap", \
     wait("linux", "stall_direct") with linespoints lw 3 pt 6 lc rgb "#2ca02c" title "ours, direct", \
     2 with lines dt 2 lc rgb "#cc3333" title "promise"
