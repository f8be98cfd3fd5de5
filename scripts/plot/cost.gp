# SPDX-License-Identifier: GPL-2.0-only
#
# Instructions per page: bench.sh sets results and outfile.

set terminal svg size 720,440 font "sans,14" background "white"
set output outfile
set title "Instructions per page of 4 KiB, 64 MiB of anonymous memory"
set ylabel "instructions per page"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 border rgb "white"
set boxwidth 0.95
set yrange [0:*]
set grid ytics lc rgb "#dddddd"
set key outside right top reverse Left samplen 2 spacing 1.3
set border 3
set tics nomirror
set xtics rotate by -20

cost(kernel) = sprintf("< awk -F '\\t' -v kernel=%s 'BEGIN { n = split(\"direct_64M direct_huge_64M swap_zram_64M refault_64M\", order, \" \") } $2 == kernel && $3 == \"insn_per_page\" { value[$1] = $4 } END { for (i = 1; i <= n; i++) { label = order[i]; sub(/_64M/, \"\", label); gsub(/_/, \" \", label); printf \"\\\"%%s\\\" %%s\\n\", label, (order[i] in value) ? value[order[i]] : 0 } }' %s", kernel, results)
floor = real(system(sprintf("awk -F '\\t' '$1 == \"zram_write_64M\" && $2 == \"base\" { print $4 }' %s", results)."; echo 0"))

plot cost("base")  using 2:xtic(1) lc rgb "#777777" title "6.1 (swap: MADV\\_PAGEOUT)", \
     cost("peer")  using 2         lc rgb "#d08770" title "6.12 (swap: MADV\\_PAGEOUT)", \
     cost("linux") using 2         lc rgb "#1f77b4" title "ours", \
     floor with lines dt 2 lw 2 lc rgb "#cc3333" title "floor: zram, O\\_DIRECT"
