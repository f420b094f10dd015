# SPDX-License-Identifier: GPL-2.0-only
#
# what: slices are long where nobody waits, and are cut for who comes to wait
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

# One hog, and CPUs that idle. ends ARGUMENTS...: of slices, a second, since the
# start; nobody asks in between, since that is work too.
ends() {
	start "$@"
	load hog hallows-load hogs 1 --for 5s
	finish hog
	totals
	number=$(stat dispatch.kept)
}

ends --long-slice-us 3000
usual=$number
stop
ends
# Of 250 ticks a second, of which each would end a usual slice.
check "ends of slices, a second, that long ones save" $((${usual%.*} - ${number%.*})) '>' 60

# Now and then somebody comes who is no better than the hog: not latency-critical,
# and bound to its CPU.
load hog hallows-load hogs 1 --cpu 1 --for 5s
load guest hallows-load --json periodic --cpu 1 --period-us 150000 --work-us 5000 --for 4500ms
finish hog guest
check "p99 of the waits of who comes, us" "$(field p99_us /tmp/guest)" '<' 10000
stop
clean_dmesg
