# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks that sleep half of the time leave their part to those who never do
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
# 20 on 4 CPUs: fair shares are 0.4 s each. Sleep that paid for all that nappers had would
# leave hogs the rest of what these want, less than a tenth of a CPU for each.
load hogs hallows-load --json hogs 4 --for 2s
load naps hallows-load --json hogs 16 --work-us 4000 --nap-us 4000 --for 2s
finish hogs naps
check "CPU time of 4 hogs, s" "$(field total_cpu_seconds /tmp/hogs)" '>=' 0.5
stop
clean_dmesg
