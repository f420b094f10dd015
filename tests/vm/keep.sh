# SPDX-License-Identifier: GPL-2.0-only
#
# what: who runs alone goes on when its slice ends
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hog hallows-load --json hogs 1 --for 1500ms
sleep 0.2
sample 1
finish hog
# Long slices (20 ms) end 50 times a second, those of 3 ms 333 times.
check "dispatches that let the running task go on, a second" "$(stat dispatch.kept)" '>' 30
check "CPU seconds of the hog in 1.5 s" "$(field total_cpu_seconds /tmp/hog)" '>' 1.48
stop
clean_dmesg
