# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks run where their changing affinity allows, and get on meanwhile
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Moves the threads of the hogs from one set of CPUs to the next, for ever.
churn() {
	while sleep 0.02; do
		for thread in /proc/"$(pidof hallows-load)"/task/*; do
			shift
			taskset -p -c "$1" "${thread##*/}"
			set -- "$@" "$1"
		done
	done >/dev/null 2>&1
}

start
oracle hallows-load affinity-churn --threads 8 --for 1s
grep checks /tmp/oracle

churn x 0 1-2 3 0,3 0-3 &
churn=$!
oracle hallows-load --json hogs 8 --for 2s
kill $churn
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/oracle)" '>' 0.3

confined hallows-load --json hogs 6 --cpu 0-1 --for 2s
stop
clean_dmesg
