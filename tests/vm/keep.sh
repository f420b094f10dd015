# SPDX-License-Identifier: GPL-2.0-only
#
# what: who runs alone goes on when its slice ends
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Long slices would end too seldom to count.
start --long-slice-us 3000
load hog hallows-load --json hogs 1 --for 1500ms
sleep 0.2
sample 1
finish hog
check "dispatches that let the running task go on, a second" "$(stat dispatch.kept)" '>' 200
check "CPU seconds of the hog in 1.5 s" "$(field total_cpu_seconds /tmp/hog)" '>' 1.48
stop
clean_dmesg
