# SPDX-License-Identifier: GPL-2.0-only
#
# what: masks that change all the time, and a CPU that comes and goes, eject nobody
# kernels: 6.18
# cpus: 4
# mode: mttcg
# timeout: 300
#
# CPUs that run at the same time: what a mask was when somebody decided by it need not be
# what it is when the kernel acts.

. /vm/lib.sh

# Toggles CPU 2 for so many seconds.
toggle() {
	end=$(($(now_ms) + $1 * 1000))
	while [ "$(now_ms)" -lt $end ]; do
		for online in 0 1; do
			echo $online >/sys/devices/system/cpu/cpu2/online || return 1
			sleep 0.1
		done
		echo round
	done
}

start
load hogs hallows-load hogs 4 --for 20s
load affinity hallows-load --json affinity-churn --threads 8 --for 19s
load hotplug toggle 16
finish hogs hotplug
# 1: it found a thread outside its mask, which is judged below.
wait "$pid_affinity" || [ $? = 1 ] || fail "affinity: $(cat /tmp/affinity)"
attached || fail "it ended: $(tail -n 2 $LOG)"
check "starts" "$(cat $SCX/enable_seq)" == 1
check "times that a CPU left and came back" "$(grep -c round /tmp/hotplug)" '>' 3
check "changes of masks" "$(field changes /tmp/affinity)" '>' 1000
# A task that is to leave for a CPU which is going offline is left where it runs, by
# migration_cpu_stop() in the kernel, until it is scheduled anew.
check "times that a thread was outside its mask" "$(field strays /tmp/affinity)" '<=' \
	$((2 * $(grep -c round /tmp/hotplug)))
check "the longest of these, us" "$(field longest_stray_us /tmp/affinity)" '<' 100000
stop
clean_dmesg
