# SPDX-License-Identifier: GPL-2.0-only
#
# what: who is queued on a CPU that goes idle in that moment is not forgotten
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
# All wait for the last of nine threads, so nothing else would wake up a CPU to find it.
for run in 1 2; do
	scx_hallows bench --measure fan-out --per-us 100 >/tmp/fan-out
	check "the latest wake-up of run $run, us" "$(sed -n 's/.*,\([0-9.]*\)\],"seconds.*/\1/p' /tmp/fan-out)" '<' 10000
done
stop
clean_dmesg
