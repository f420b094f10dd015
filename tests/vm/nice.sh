# SPDX-License-Identifier: GPL-2.0-only
#
# what: nice levels share a CPU by their weights
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
# Where all are light the clock goes by their slices, and the lightest waits for its turn longest.
for nice in -10,0,10 0,0,5 0,5,10 5,5,10; do
	hallows-load shares --nice=$nice --for 5s --tolerance 0.5 || fail "shares of nice $nice"
done

# The last one is rescued twice as often as its turn comes, which is not to cost the first one's.
tens=10,10,10,10,10,10,10,10,10,10
hallows-load shares --nice=0,$tens,$tens,19 --for 6s --tolerance 1 || fail "shares beside one who is rescued"
stop
check "rescues" "$(sed -n 's/.*rescues: order \([0-9]*\).*/\1/p' $LOG)" '>' 0
clean_dmesg
