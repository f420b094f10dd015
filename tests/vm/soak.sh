# SPDX-License-Identifier: GPL-2.0-only
#
# what: everything that disturbs a scheduler, at once: nobody is ejected or lost
# kernels: 6.16 6.18 7
# cpus: 4
# topo: flat numa2
# mode: vtime:250:80
# timeout: 900
#
# By a clock that slow CPUs have, 250 instructions a us. `cargo xtask soak` sets $SOAK_S
# to as many seconds as one likes, has more kernels, and takes the real clock, so that
# an hour is an hour.

. /vm/lib.sh

SOAK_S=${SOAK_S:-10}
# The clocks of CPUs may be four quanta apart, of 80 us each, while nobody wakes another.
SKEW_US=400
# By the real clock an emulated CPU waits for the host's, now and then for tens of ms.
BOUND_MS=10
[ "$VM_MODE" = vtime ] || BOUND_MS=100
# A detachment within a second is not for such CPUs.
VM_MODE=slow

# again SECONDS: rests for that long; fails when the time is over.
again() {
	sleep "$1"
	[ "$(now_ms)" -lt $END ]
}

# --- what disturbs: each goes on until the time is over, and counts its rounds ---

messages() {
	while again 0.3; do
		hackbench -g 4 -l 20 >/dev/null || return 1
		hackbench -T -P -g 4 -l 20 >/dev/null || return 1
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
		# One comes, has the hogs for a moment, and goes.
		mkdir $group-2 || return 1
		echo 9000 >$group-2/cpu.weight
		echo $hogs >$group-2/cgroup.procs || return 1
		sleep 0.05
		echo $hogs >$group/cgroup.procs || return 1
		rmdir $group-2 || return 1
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

settings() {
	while again 0.4; do
		scx_hallows set slice_us=1500 >/dev/null && scx_hallows set slice_us=3000 >/dev/null && echo round || :
	done
}

memory() {
	while again 0.5; do
		# It may find none left, which is its own trouble.
		stress-ng --quiet --vm 2 --vm-bytes 256M --vm-ops 2000 -t 2s >/dev/null 2>&1 && echo round || :
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

# --- the agent's misfortunes, and what is measured ---

# What runs where and waits for how long, over three seconds: a line in $WINDOWS of the
# time, switches, the longest wait beside an idle CPU and the longest wait of all.
WINDOWS=/tmp/windows
judge() {
	hallows-oracle check --json --skew-us $SKEW_US --bound-ms $BOUND_MS --buffer-mib 128 --for 3s >/tmp/oracle
	status=$?
	# 3: events were lost, as when a CPU left with its buffer.
	[ $status = 0 ] || [ $status = 3 ] || fail "the oracle, $status: $(cat /tmp/oracle)"
	[ $status = 3 ] || for name in duration_ns switches longest_ns longest_wait_ns; do
		field $name /tmp/oracle
	done | xargs >>$WINDOWS
}

# The sum of a column of $WINDOWS, and its largest.
sum() {
	awk -v column="$1" '{sum += $column} END {printf "%.0f\n", sum}' $WINDOWS
}

longest_ms() {
	sort -g -k "$1,$1" $WINDOWS | awk -v column="$1" 'END {printf "%.1f\n", $column / 1e6}'
}

# Growth of the agent's memory since $before_kib was taken: the most of any agent's.
growth_kib=0
rss_kib() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' /proc/"$SCHEDULER"/status
}

weigh() {
	grown=$(($(rss_kib) - before_kib))
	[ $grown -le $growth_kib ] || growth_kib=$grown
}

# For longer than its signals hold.
stall_agent() {
	kill -STOP "$SCHEDULER"
	sleep 0.7
	kill -CONT "$SCHEDULER"
}

# The kernel schedules on by the pinned programs, and the next agent takes them over.
crash_agent() {
	weigh
	kill -9 "$SCHEDULER"
	wait "$SCHEDULER"
	sleep 0.5
	launch
	crashes=$((crashes + 1))
}

launch() {
	: >$LOG
	scx_hallows $WATCHDOG --pin >$LOG 2>&1 &
	SCHEDULER=$!
	renice -n -10 -p $SCHEDULER >/dev/null
	within 200 grep -q scheduling $LOG
	attached || fail "not attached"
	before_kib=$(rss_kib)
}

garble_agent() {
	hallows-load scribble --for 200ms >/dev/null || fail "no garbage: $?"
}

# gone PID: whether that child has ended within three minutes of the end.
gone() {
	while grep -qs '^State:.[^Z]' /proc/"$1"/status; do
		[ "$(now_ms)" -lt $((END + 180000)) ] || return 1
		sleep 0.1
	done
}

launch
starts=$(cat $SCX/enable_seq)
crashes=0
: >$WINDOWS
END=$(($(now_ms) + SOAK_S * 1000))
DISTURBERS='messages forks groups nices real_time settings memory hotplug'
load affinity hallows-load --json affinity-churn --threads 8 --for "${SOAK_S}s"
load periodic hallows-load --json periodic --threads 2 --for "${SOAK_S}s"
for disturber in $DISTURBERS; do
	load "$disturber" "$disturber"
done
while again 0.1; do
	judge
	stall_agent
	judge
	garble_agent
	judge
	crash_agent
done
weigh
lost=0
for task in affinity periodic $DISTURBERS; do
	eval "gone \$pid_$task" || {
		echo "lost: $task"
		lost=$((lost + 1))
	}
done
check "loads lost" $lost == 0
finish periodic $DISTURBERS
for disturber in $DISTURBERS; do
	check "rounds of $disturber" "$(grep -c round /tmp/"$disturber")" '>' 0
done
attached || fail "ejected"
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
check "crashes of the agent" $crashes '>' 0
check "growth of the agent's memory, KiB" $growth_kib '<' 1024
# A task that is to leave for a CPU which is going offline is left where it runs, by
# migration_cpu_stop() in the kernel, until it is scheduled anew.
strays=$(field strays /tmp/affinity)
stray_us=$(field longest_stray_us /tmp/affinity)
check "times that a thread was outside its mask" "$strays" '<=' \
	$((2 * $(grep -c round /tmp/hotplug)))
check "the longest of these, us" "$stray_us" '<' $((BOUND_MS * 10000))
check "switches judged" "$(sum 2)" '>' 0
check "longest wait of all, ms" "$(longest_ms 4)" '<' 5000
stop
clean_dmesg
echo "soak: seconds=$SOAK_S judged_s=$(($(sum 1) / 1000000000)) switches=$(sum 2)" \
	"idle_ms=$(longest_ms 3) wait_ms=$(longest_ms 4) crashes=$crashes growth_kib=$growth_kib" \
	"strays=$strays stray_us=$stray_us" \
	"$(sed -n 's/.*rescues: //p' $LOG | sed 's/ /=/g; s/,=/ /g')"
