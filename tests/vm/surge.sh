# SPDX-License-Identifier: GPL-2.0-only
#
# what: who has short bursts does not wait for the end of one that is none
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 300

. /vm/lib.sh

# How late a task wakes up on CPU 1, us, on average, for a time of $1. Half of a ms would be
# the usual where it waited for the tick that tells a hog from a short burst.
lateness() {
	hallows-load --json periodic --cpu 1 --period-us 4700 --work-us 50 --for "$1" >/tmp/periodic
	field mean_us /tmp/periodic
}

start
# Each tenth burst here is as long as a slice. It is known for that once it has lasted for
# several times what is usual of its task.
load surges hallows-load --json periodic --cpu 1 --period-us 1010 --work-us 50 --surge-every 10 --surge-us 3800 --for 3s
late=$(lateness 3s)
finish surges
check "wake-ups beside bursts of unusual length, us late" "$late" '<' 300

# Threads that have just been born begin with a moment of work and then compute. Nothing is
# usual of them.
: >/tmp/late
for turn in 1 2 3 4 5 6; do
	load born hallows-load --json periodic --cpu 1 --threads 40 --period-us 200000 --work-us 50 \
		--surge-every 2 --surge-us 3800 --for 400ms
	lateness 400ms >>/tmp/late
	finish born
done
check "wake-ups beside threads just born, us late" "$(awk '{ sum += $1 } END { print sum / NR }' /tmp/late)" '<' 410
stop
clean_dmesg
