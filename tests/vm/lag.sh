# SPDX-License-Identifier: GPL-2.0-only
#
# what: hogs that are more than CPUs take turns, without an agent
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start --no-agent
load hogs hallows-load --json hogs 6 --for 4s
sample 2
finish hogs
check "Jain's index of 6 hogs on 4 CPUs" "$(jain /tmp/hogs)" '>=' 0.99
check "tasks taken from a CPU that lags, a second" "$(stat dispatch.lag)" '>' 0

# Each waits in turn: whoever comes to the end of a slice looks where somebody does.
load hogs hallows-load --json hogs 5 --for 500ms
finish hogs
check "Jain's index of 5 hogs on 4 CPUs in half a second" "$(jain /tmp/hogs)" '>=' 0.999

# Who is light does not count as much as others: by weight each of the four has 0.97 of a CPU.
load light hallows-load --json hogs 8 --nice 19 --for 3s
load hogs hallows-load --json hogs 4 --for 3s
finish light hogs
check "CPU seconds of 3 of the hog that got the least beside 8 of nice 19" "$(lowest cpu_seconds /tmp/hogs)" '>=' 2.7
load light hallows-load --json hogs 1 --nice 19 --for 3s
load hogs hallows-load --json hogs 5 --for 3s
finish light hogs
check "Jain's index of 5 hogs beside one of nice 19" "$(jain /tmp/hogs)" '>=' 0.998
# Two share a CPU with one that takes nearly all of it: as many as elsewhere, but no equals.
load heavy hallows-load --json hogs 1 --nice -10 --for 3s
load hogs hallows-load --json hogs 11 --for 3s
finish heavy hogs
check "Jain's index of 11 hogs beside one of nice -10" "$(jain /tmp/hogs)" '>=' 0.98
stop
clean_dmesg
