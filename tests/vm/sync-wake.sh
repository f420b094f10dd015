# SPDX-License-Identifier: GPL-2.0-only
#
# what: who passes a token stays on its CPU
# kernels: 6.18
# cpus: 4
# topo: flat llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# sees MEDIUM: how many turns of a pair are by a wake-up that stays where the waker is.
sees() {
	sample 1
	finish pingpong
	turns=$(field round_trips_per_second /tmp/pingpong)
	check "$1: wake-ups with the waker, a second, of the round trips" "$(stat wake.sync)" '>' "$(awk "BEGIN {print $turns / 4}")"
}

case $VM_TOPO in
flat)
	start
	load pingpong hallows-load --json pingpong --pipe --for 2s
	sleep 0.5
	sees pipe
	check "runs elsewhere, a second" "$(stat run.llc)" '<' 1000
	;;
llc2)
	# Who is sent apart comes together again, also where no agent finds a home for both.
	start --no-agent
	for medium in pipe futex; do
		load pingpong hallows-load --json pingpong --$medium --for 2s
		sleep 0.2
		cpu=0
		for thread in $(ls "/proc/$pid_pingpong/task" | tail -n 2); do
			taskset -p -c $cpu "$thread" >/dev/null
			cpu=2
		done
		sleep 0.1
		taskset -a -p -c 0-3 "$pid_pingpong" >/dev/null
		sleep 0.1
		sees $medium
		check "$medium: runs in the other LLC, a second" "$(stat run.node)" '<' 100
	done
	;;
esac
stop
clean_dmesg
