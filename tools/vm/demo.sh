#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What `cargo xtask run` shows, in a VM or on this machine: one load, scheduled
# in turns by the kernel's default scheduler and by scx_hallows.
#
#   demo.sh [--leash] [--bin FOLDER] TURN...
#
# A TURN is default:SECONDS or hallows:SECONDS. With --leash it ends when its
# standard input does. Needs root, a kernel with sched_ext, and scx_hallows,
# hallows-load and hackbench in the PATH or in FOLDER. Lines that begin with @
# report what happened, for a program to read; the statistics of scx_hallows come
# between them as it prints them.

state=/sys/kernel/sched_ext/state
name=/sys/kernel/sched_ext/root/ops
log=$(mktemp) || exit
round_s=5 # a turn is measured in rounds of so many seconds at most

now_ms() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }

# On every CPU one hog; a group of hackbench for every four: eight threads each
# that send to and receive from each other through sockets.
start_load() {
	cpus=$(nproc)
	hallows-load hogs "$cpus" --for 1h >/dev/null &
	hogs=$!
	# Should nobody be left to end it, half an hour of CPU time a CPU will.
	(ulimit -t $((1800 * cpus)) && exec hackbench -T -f 4 -g $(((cpus + 3) / 4)) -l 1000000000) \
		>/dev/null 2>&1 &
	bench=$!
	echo "@load $cpus $(uname -r)"
}

stop_load() {
	kill -CONT $hogs $bench
	kill -KILL $hogs $bench
} 2>/dev/null

# The load holds still meanwhile, or loading would take its turn among the hogs
# and last several times as long.
load_scheduler() {
	since=$(now_ms)
	kill -STOP "$hogs" "$bench"
	scx_hallows --stats 1 2>"$log" &
	scheduler=$!
	until [ "$(cat $state)" = enabled ]; do
		kill -0 $scheduler 2>/dev/null || fail
		sleep 0.1
	done
	kill -CONT "$hogs" "$bench"
	echo "@loaded $(($(now_ms) - since)) $(cat $state) $(cat $name)"
}

unload_scheduler() {
	[ -n "$scheduler" ] || return
	since=$(now_ms)
	kill -INT $scheduler 2>/dev/null
	wait $scheduler
	status=$?
	scheduler=
	[ $status = 0 ] || cat "$log" >&2
	echo "@unloaded $(($(now_ms) - since)) $(cat $state) $status"
}

# Sleepers that wake every 4 ms to 0.1 ms of work, and say how late they woke.
measure() {
	left=$2
	while [ "$left" -gt 0 ]; do
		round=$((left < round_s ? left : round_s))
		left=$((left - round))
		hallows-load periodic --threads 4 --for ${round}s >"$log.wake" &
		sleepers=$!
		wait $sleepers
		sed -n "s/^lateness us:/@wake $1/p" "$log.wake"
		if [ "$1" = hallows ]; then
			kill -0 "$scheduler" 2>/dev/null || fail
		fi
	done
}

# scx_hallows ended by itself: it could not load, or the kernel threw it out.
fail() {
	unload_scheduler
	end 1
}

end() {
	trap '' INT TERM HUP
	kill $sleepers $leash 2>/dev/null
	unload_scheduler
	stop_load
	rm -f "$log" "$log.wake"
	exit "$1"
}

# Commands in the background that read need to be told from where.
if [ "$1" = --leash ]; then
	shift
	exec 3<&0
	(
		read -r line <&3
		kill -TERM $$
	) &
	leash=$!
fi
if [ "$1" = --bin ]; then
	PATH=$2:$PATH
	shift 2
fi

trap 'end 130' INT TERM HUP
trap '' PIPE # who reads may be gone, and there is still a load to stop
start_load
for turn; do
	seconds=${turn#*:}
	case $turn in
	default:*)
		measure default "$seconds"
		;;
	hallows:*)
		load_scheduler
		measure hallows "$seconds"
		unload_scheduler
		;;
	esac
done
end 0
