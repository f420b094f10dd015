# SPDX-License-Identifier: GPL-2.0-only
#
# what: everything that disturbs a scheduler, at once: nobody is ejected or lost
# kernels: 6.18
# cpus: 4
# topo: numa2
# mode: vtime
# timeout: 900
#
# Ten seconds; `cargo xtask soak` sets $SOAK_S to as many as one likes.

. /vm/lib.sh

SOAK_S=${SOAK_S:-10}
END=$(($(now_ms) + SOAK_S * 1000))

# again SECONDS: rests for that long; fails when the time is over.
again() {
	sleep "$1"
	[ "$(now_ms)" -lt $END ]
}

# --- what disturbs: each goes on until the time is over, and counts its rounds ---

messages() {
	while again 0.3; do
		hackbench -g 4 -l 30 >/dev/null || return 1
		hackbench -T -P -g 4 -l 30 >/dev/null || return 1
		echo round
	done
}

forks() {
	while again 0.2; do
		for child in $(seq 30); do
			sh -c : &
		done
		wait
		echo round
	done
}

# Weights, cpusets and the freezer of a group with hogs in it.
groups() {
	group=/sys/fs/cgroup/soaked
	mkdir $group || return 1
	hallows-load hogs 3 --for 1h >/dev/null &
	hogs=$!
	echo $hogs >$group/cgroup.procs
	while again 0.1; do
		for setting in 0:1 1-3:10000 0-3:100; do
			echo "${setting%:*}" >$group/cpuset.cpus || return 1
			echo "${setting#*:}" >$group/cpu.weight || return 1
			echo 1 >$group/cgroup.freeze
			sleep 0.05
			echo 0 >$group/cgroup.freeze
			sleep 0.05
		done
		echo round
	done
	kill $hogs
	wait $hogs
}

nices() {
	hallows-load hogs 2 --for 1h >/dev/null &
	hogs=$!
	while again 0.05; do
		for nice in 0 19 -20 5; do
			for thread in /proc/$hogs/task/*; do
				renice -n $nice -p "${thread##*/}" >/dev/null || return 1
			done
			sleep 0.02
		done
		echo round
	done
	kill $hogs
	wait $hogs
}

real_time() {
	while again 0.7; do
		hallows-load fifo --cpu $((CPUS - 1)) --for 150ms >/dev/null || return 1
		echo round
	done
}

# An agent that is stopped for longer than its signals hold.
faults() {
	while again 1.3; do
		kill -STOP "$SCHEDULER"
		sleep 0.7
		kill -CONT "$SCHEDULER"
		echo round
	done
}

settings() {
	while again 0.4; do
		scx_hallows set slice_us=1500 >/dev/null && scx_hallows set slice_us=3000 >/dev/null && echo round || :
	done
}

memory() {
	while again 0.5; do
		stress-ng --quiet --vm 2 --vm-bytes 256M --vm-ops 2000 -t 2s >/dev/null || return 1
		echo round
	done
}

# A CPU leaves and comes back; the scheduler stays.
hotplug() {
	while again 4; do
		echo 0 >/sys/devices/system/cpu/cpu2/online
		sleep 1
		echo 1 >/sys/devices/system/cpu/cpu2/online
		echo round
	done
}

rss_kib() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/"$SCHEDULER"/status
}

start
starts=$(cat $SCX/enable_seq)
DISTURBERS='messages forks groups nices real_time faults settings memory hotplug'
load affinity hallows-load --json affinity-churn --threads 8 --for "${SOAK_S}s"
load periodic hallows-load --json periodic --threads 2 --for "${SOAK_S}s"
for disturber in $DISTURBERS; do
	load "$disturber" "$disturber"
done
again 3 || fail "the soak is too short"
before=$(rss_kib)
finish affinity periodic
finish $DISTURBERS
for disturber in $DISTURBERS; do
	check "rounds of $disturber" "$(grep -c round /tmp/"$disturber")" '>' 0
done
within 20 attached
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
alive || fail "the process ended"
say "still scheduling after $SOAK_S s, longest wake-up $(field max_us /tmp/periodic) us"
check "growth of the agent's memory, KiB" $(($(rss_kib) - before)) '<' 1024
check "threads outside their mask" "$(field violations /tmp/affinity)" == 0
stop
say "$(grep 'rescues: ' $LOG || echo 'nobody had to be rescued')"
clean_dmesg
