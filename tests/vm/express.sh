# SPDX-License-Identifier: GPL-2.0-only
#
# what: short bursts that find no idle CPU go by the express track
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load hogs $((CPUS * 2)) --for 1500ms
load periodic hallows-load --json periodic --threads 16 --period-us 2000 --work-us 50 --for 1500ms
sleep 0.2
sample 1
finish hogs periodic
check "queued on the express track, a second" "$(stat queue.express)" '>' 100
check "dispatched from it, a second" "$(stat dispatch.express)" '>' 100
check "p99 of wake-ups, us" "$(field p99_us /tmp/periodic)" '<' 10000

# A hog makes way for whom it wakes however soon: each of these wakes a partner
# that waits again at once, and spins until it does. Elsewhere it would make way
# 2000 times a second on each CPU.
stress-ng --futex "$CPUS" --timeout 1s --metrics-brief >/tmp/futex 2>&1
answered=$(awk '$4 == "futex" {print $9}' /tmp/futex)
check "wake-ups by hogs that were answered, a second" "$answered" '>' 30000

# But who wakes one after the other is not made to wait for each of them.
load talk hackbench -g 2 -l 600
sleep 0.1
sample 0.3
finish talk
check "hogs that made way in a storm of messages, a second" "$(stat queue.preempted)" '<=' $((CPUS * 750))

# Pairs that pass a token come to no end of a slice: who wants a CPU as well gets one, not by luck.
load pairs hallows-load pingpong --pairs "$CPUS" --work-us 100 --for 1500ms
load bursts hallows-load --json periodic --threads 2 --period-us 5000 --work-us 300 --for 1500ms
finish pairs bursts
check "how late short bursts are beside pairs on all CPUs, on average, us" "$(field mean_us /tmp/bursts)" '<' 1000

# Who may not use all CPUs of the LLC can't go by the express track: of the others any makes way.
load hogs hallows-load hogs 6 --cpu 0-2 --for 1500ms
load narrow hallows-load --json periodic --threads 8 --period-us 2000 --work-us 200 --cpu 0-2 --for 1500ms
finish hogs narrow
check "how late short bursts are on three of four CPUs, on average, us" "$(field mean_us /tmp/narrow)" '<' 300

# Nobody who stays on a track is overtaken for long by those on the express track.
scx_hallows bench --measure requests >/tmp/requests
p99=$(sed 's/.*"request p99"[^}]*"value":\([0-9.]*\).*/\1/' /tmp/requests)
check "p99 of requests of 1 ms, us" "$p99" '<' 2750
stop
clean_dmesg
