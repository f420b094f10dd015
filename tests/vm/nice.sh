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
stop
clean_dmesg
