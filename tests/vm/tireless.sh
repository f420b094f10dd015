# SPDX-License-Identifier: GPL-2.0-only
#
# what: who never sleeps has its turn beside short bursts, and when it is queued anew as it waits
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 300

. /vm/lib.sh

start

# Each of eight sleeps while the others run, so none has debts. EEVDF gives the hog 13 %.
load bursts hallows-load --json periodic --cpu 0 --threads 8 --period-us 2000 --work-us 500 --for 3s
load hog hallows-load --json hogs 1 --cpu 0 --for 3s
finish bursts hog
check "CPU seconds of 3 of a hog beside short bursts that want two CPUs" "$(field total_cpu_seconds /tmp/hog)" '>' 0.12
check "how late these wake up, p99, us" "$(field p99_us /tmp/bursts)" '<' 8000

# By weight the light one waits for 15 s. Each change of its policy queues it anew.
load heavy hallows-load --json hogs 1 --nice -20 --cpu 0 --for 7s
load light hallows-load --json hogs 1 --nice 19 --cpu 0 --for 7s
turn=0
while [ -d /proc/$pid_light/task ] && [ $turn -lt 60 ]; do
	for thread in /proc/$pid_light/task/*; do
		chrt -b -p 0 "${thread##*/}" >/tmp/chrt 2>&1
		chrt -o -p 0 "${thread##*/}" >>/tmp/chrt 2>&1
	done
	turn=$((turn + 1))
	sleep 0.1
done
check "times that it was queued anew" $turn '>' 30
finish heavy light
check "its CPU seconds of 7" "$(field total_cpu_seconds /tmp/light)" '>' 0.02

stop
clean_dmesg
