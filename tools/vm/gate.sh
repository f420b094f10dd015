# SPDX-License-Identifier: GPL-2.0-only
# How far the verifier walks in the plain scheduler and in the optimised one,
# which then has to work. Prints a program's name and a number a line, of each
# scheduler after a line that begins with "===".

. /vm/lib.sh

for build in plain optimised; do
	cp /vm/$build /vm/bin/scx_hallows
	start -v
	echo "=== $build"
	sed -n 's/.*verified: \(hallows_[a-z_]*\): \([0-9]*\) instructions.*/\1 \2/p' $LOG
	echo "==="
	load messages hackbench -g 4 -l 40
	finish messages
	stop
done
clean_dmesg
