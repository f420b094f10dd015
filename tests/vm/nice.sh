# SPDX-License-Identifier: GPL-2.0-only
#
# what: nice levels share a CPU by their weights
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
hallows-load shares --nice=-10,0,10 --for 5s --tolerance 5 || fail "shares of nice -10, 0, 10"
hallows-load shares --nice=0,0,5 --for 3s --tolerance 5 || fail "shares of nice 0, 0, 5"
stop
clean_dmesg
