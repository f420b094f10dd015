# SPDX-License-Identifier: GPL-2.0-only
#
# what: who passes a token stays on its CPU
# kernels: 6.18
# cpus: 4
# topo: flat llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# sees MEDIUM SECONDS: how many turns of pairs are by wake-ups that stay where the waker is.
sees() {
	sample "$2"
	finish pingpong
	turns=$(field round_trips_per_second /tmp/pingpong)
	check "$1: wake-ups with the waker, a second, of the round trips" "$(stat wake.sync)" '>' "$(awk "BEGIN {print $turns / 4}")"
}

case $VM_TOPO in
flat)
	start
	load pingpong hallows-load --json pingpong --pipe --for 2s
	sleep 0.5
	sees pipe 1
	check "runs elsewhere, a second" "$(stat run.llc)" '<' 1000
	;;
llc2)
	# Pairs that are sent apart come together again, also where no agent finds a home
	# for them. Without, some do by chance: so it is tried some times.
	start --no-agent
	for medium in pipe futex pipe futex pipe futex; do
		load pingpong hallows-load --json pingpong --pairs "$CPUS" --$medium --for 1200ms
		sleep 0.2
		cpus=0,1
		for thread in $(ls "/proc/$pid_pingpong/task" | tail -n $((2 * CPUS))); do
			taskset -p -c $cpus "$thread" >/dev/null
			[ $cpus = 0,1 ] && cpus=2,3 || cpus=0,1
		done
		sleep 0.1
		taskset -a -p -c 0-3 "$pid_pingpong" >/dev/null
		sleep 0.1
		sees $medium 0.5
		check "$medium: wake-ups elsewhere, a second" "$(stat wake.self)" '<' 2000
	done
	;;
esac
stop
clean_dmesg
