# SPDX-License-Identifier: GPL-2.0-only
#
# what: threads that let each other begin, and then compute, have all CPUs at once
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 300

. /vm/lib.sh

# Each takes a byte from a pipe, which wakes the next as if its waker would sleep now. For
# that a task may wait for its waker, but not for one of which nobody knows that it does.
start
: >/tmp/longest
for turn in 1 2 3; do
	hallows-oracle check --json -- sh -c 'scx_hallows bench --measure makespan --quick >/tmp/makespan' >/tmp/oracle ||
		fail "the oracle, $?: $(cat /tmp/oracle)"
	field longest_ns /tmp/oracle >>/tmp/longest
	say "longest wait beside an idle CPU, ns: $(tail -n 1 /tmp/longest)"
	say "$(sed 's/.*"n jobs"[^}]*"value":\([0-9.]*\).*/n jobs: \1 of the ideal/' /tmp/makespan)"
done
[ "$(wc -l </tmp/longest)" = 3 ] || fail "a turn was not judged: $(cat /tmp/oracle)"
check "longest wait beside an idle CPU, ns, in the median turn" "$(sort -n /tmp/longest | sed -n 2p)" '<' 1500000

# Each makes way for who wakes up, though its only whole burst was short and nobody has stopped
# it since. That may be in its first quarter of a millisecond in some of these turns.
best_us=1000000
for turn in 1 2 3; do
	load periodic hallows-load --json periodic --threads 1 --period-us 20000 --work-us 100 --for 800ms
	sleep 0.05
	scx_hallows bench --measure makespan --quick >/tmp/makespan
	finish periodic
	max_us=$(field max_us /tmp/periodic)
	best_us=$(echo "$max_us $best_us" | awk '{print $1 < $2 ? $1 : $2}')
done
check "latest wake-up beside them, us, in the best turn" "$best_us" '<' 400
stop
clean_dmesg
