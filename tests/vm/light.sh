# SPDX-License-Identifier: GPL-2.0-only
#
# what: who weighs next to nothing makes way for all others, and no burst is waited for that takes long
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 300

. /vm/lib.sh

# late WORK_US HOGS...: how late a task on each CPU is beside these hogs, us, on average. Its bursts
# are too long for the express track.
late() {
	work_us=$1
	shift
	load hogs "$@" --for 2500ms
	sleep 0.3
	load periodic hallows-load --json periodic --threads "$CPUS" --period-us 16000 --work-us "$work_us" --for 2s
	finish periodic hogs
	field mean_us /tmp/periodic
}

# bursts NICE: how late it is beside twice as many as CPUs, who hardly ever sleep, with bursts of 10 ms.
bursts() {
	late 3000 hallows-load hogs $((CPUS * 2)) --nice "$1" --work-us 10000 --nap-us 500
}

start
check "beside hogs of SCHED_IDLE, us" "$(late 4000 chrt -i 0 hallows-load hogs "$CPUS")" '<' 300
check "beside bursts of nice 19, us" "$(bursts 19)" '<' 300
# These weigh something, and are cut as any hog.
check "beside bursts of nice 8, us" "$(bursts 8)" '<' 2500
# These are not, but for who comes before them and wants less.
check "beside bursts of as much weight, us" "$(bursts 0)" '<' 4200
stop
clean_dmesg
