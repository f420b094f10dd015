# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks that sleep half of the time leave their part to those who never do
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
# 20 on 4 CPUs: fair shares of hogs are 3.2 s in all. They get 1.4, and 0.4 where sleep pays for
# all that the others had.
load hogs hallows-load --json hogs 4 --for 4s
load naps hallows-load --json hogs 16 --work-us 6000 --nap-us 6000 --for 4s
finish hogs naps
check "CPU time of 4 hogs, s" "$(field total_cpu_seconds /tmp/hogs)" '>=' 0.9
stop
clean_dmesg
