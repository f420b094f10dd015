# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks that sleep half of the time leave their part to those who never do
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
# 28 on 4 CPUs: fair shares of hogs are 1.1 s in all. They get 0.5, and 0.1 to 0.2 where sleep
# pays for all that the others had.
load hogs hallows-load --json hogs 4 --for 2s
load naps hallows-load --json hogs 24 --work-us 4000 --nap-us 4000 --for 2s
finish hogs naps
check "CPU time of 4 hogs, s" "$(field total_cpu_seconds /tmp/hogs)" '>=' 0.35
stop
clean_dmesg
