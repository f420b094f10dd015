# SPDX-License-Identifier: GPL-2.0-only
#
# what: beside 4n hogs a renderer keeps its rhythm, and sleepers are on time from the start
# kernels: 6.18
# cpus: 4
# topo: flat llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load --json hogs $((CPUS * 4)) --for 7500ms
sleep 0.5
# It wants 30 % of a CPU, of which 24 are its fair share: every fourth is missed by that.
load frames hallows-load --json periodic --period-us 16667 --work-us 5000 --for 2s
finish frames
check "missed of 120 frames" "$(field skipped /tmp/frames)" '<=' 4
# More than two usual slices, in one go, and nothing owed for it: 38 %, of which every third
# would be missed.
load long hallows-load --json periodic --period-us 16667 --work-us 6400 --for 2s
finish long
check "missed of 120 long frames" "$(field skipped /tmp/long)" '<=' 12
# Taken for hogs, they would be late three times each, of 50. Four of them are late by a slice
# once in a while.
for turn in 1 2; do
	load sleepers$turn hallows-load --json periodic --threads 8 --period-us 20000 --for 1s
	finish sleepers$turn
done
finish hogs
p99=$(for turn in 1 2; do field p99_us /tmp/sleepers$turn; done | sort -n | head -n 1)
check "p99 of 400 wake-ups, us, the better of two" "$p99" '<' 500
check "Jain's index of the hogs" "$(jain /tmp/hogs)" '>=' 0.99
stop
clean_dmesg
