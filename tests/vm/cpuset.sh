# SPDX-License-Identifier: GPL-2.0-only
#
# what: tasks of a group run inside its changing cpuset, and get on meanwhile
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

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

# What the shell executes to run hogs in the group: grouped HOGS.
grouped() {
	echo "echo \$\$ >$GROUP/cgroup.procs; exec hallows-load --json hogs $1 --for 2s"
}

start
mkdir $GROUP
churn &
churn=$!
oracle sh -c "$(grouped 8)"
kill $churn
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/oracle)" '>' 0.2

echo 0-1 >$GROUP/cpuset.cpus
confined sh -c "$(grouped 6)"
stop
clean_dmesg
