# SPDX-License-Identifier: GPL-2.0-only
#
# what: who passes a token stays on its CPU
# kernels: 6.18
# cpus: 4
# topo: flat llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# The players of `pingpong`, a pair after the other.
players() {
	ls "/proc/$pid_pingpong/task" | sort -n | tail -n $((2 * CPUS))
}

# How many pairs have a player on CPU 0 or 1, and one on 2 or 3.
apart() {
	for thread in $(players); do
		awk '{print $39}' "/proc/$pid_pingpong/task/$thread/stat"
	done | awk '{llc = int($1 / 2)} NR % 2 {other = llc; next} llc != other {nr++} END {print nr + 0}'
}

case $VM_TOPO in
flat)
	start
	load pingpong hallows-load --json pingpong --pipe --for 2s
	sleep 0.5
	sample 1
	finish pingpong
	turns=$(field round_trips_per_second /tmp/pingpong)
	check "sync wake-ups, a second, of the round trips" "$(stat wake.sync)" '>' "$(awk "BEGIN {print $turns / 4}")"
	check "runs elsewhere, a second" "$(stat run.llc)" '<' 1000
	# Also where hogs wait, as far as it comes before them. By futex nobody says that it sleeps soon.
	for medium in pipe futex; do
		load hogs hallows-load --json hogs "$CPUS" --for 1500ms
		load pingpong hallows-load --json pingpong --pairs "$CPUS" --$medium --for 1500ms
		sleep 0.4
		sample 0.8
		finish pingpong hogs
		turns=$(field round_trips_per_second /tmp/pingpong)
		check "$medium: wake-ups in the waker's place beside hogs, a second, of the round trips" "$(stat wake.sync)" '>' "$turns"
		check "CPU seconds of the hogs, of 1.5 on each CPU" "$(field total_cpu_seconds /tmp/hogs)" '>' 1
	done
	# Those that were sent apart come together, though no CPU idles and nobody says that it sleeps.
	load pingpong hallows-load --json pingpong --pairs "$CPUS" --futex --for 1s
	finish pingpong
	alone=$(field round_trips_per_second /tmp/pingpong)
	load hogs hallows-load hogs "$CPUS" --for 2s
	load pingpong hallows-load --json pingpong --pairs "$CPUS" --futex --for 2s
	sleep 0.2
	cpu=0
	for thread in $(players); do
		taskset -p -c $cpu "$thread" >/dev/null
		cpu=$(((cpu + 1) % CPUS))
	done
	sleep 0.2
	taskset -a -p -c "0-$((CPUS - 1))" "$pid_pingpong" >/dev/null
	finish pingpong hogs
	part=$(awk -v all="$alone" -v some="$(field round_trips_per_second /tmp/pingpong)" 'BEGIN {print some / all}')
	check "futex: what pairs that were apart get beside as many hogs, of what they get alone" "$part" '>' 0.45
	;;
llc2)
	# Pairs that are sent apart come together again, also where no agent finds a home
	# for them. Without, some do by chance: so it is tried some times.
	start --no-agent
	for medium in pipe futex pipe futex; do
		load pingpong hallows-load --json pingpong --pairs "$CPUS" --$medium --for 1200ms
		sleep 0.2
		cpus=0,1
		for thread in $(players); do
			taskset -p -c $cpus "$thread" >/dev/null
			[ $cpus = 0,1 ] && cpus=2,3 || cpus=0,1
		done
		sleep 0.1
		taskset -a -p -c 0-3 "$pid_pingpong" >/dev/null
		sleep 0.5
		apart=$(apart)
		finish pingpong
		check "$medium: pairs that are apart" "$apart" == 0
	done
	;;
esac
stop
clean_dmesg
