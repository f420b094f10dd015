# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks of a group run inside its changing cpuset, and get on meanwhile
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 300

. /vm/lib.sh

GROUP=/sys/fs/cgroup/churned

# The group shrinks, grows and moves every 50 ms.
churn() {
	while true; do
		for cpus in 0-3 0 2-3 1 1-3 3; do
			echo $cpus >$GROUP/cpuset.cpus
			sleep 0.05
		done
	done
}

start
mkdir $GROUP
churn &
churn=$!
oracle sh -c "echo \$\$ >$GROUP/cgroup.procs; exec hallows-load --json hogs 8 --for 2s"
kill $churn
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/oracle)" '>' 0.2
stop
clean_dmesg
