# SPDX-License-Identifier: GPL-2.0-only
#
# what: who is light makes way for all others, and no burst is waited for that takes long
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
check "beside bursts of nice 19, us" "$(bursts 19)" '<' 1000
check "beside bursts of nice 8, us" "$(bursts 8)" '<' 2000
# These run them in one go, but for who comes before them and wants less.
mean=$(echo "$(bursts 0) $(bursts 0)" | awk '{print ($1 + $2) / 2}')
check "beside bursts of as much weight, us" "$mean" '<' 4400

# To whom a group with cpu.idle holds, also below it, is as those of SCHED_IDLE.
IDLE=/sys/fs/cgroup/idle
mkdir -p $IDLE/below
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
echo 1 >$IDLE/cpu.idle
in_group() {
	exec sh -c 'echo $$ >/sys/fs/cgroup/idle/below/cgroup.procs; exec "$@"' in_group "$@"
}
check "beside hogs of a group that idles, us" "$(late 4000 in_group hallows-load hogs "$CPUS")" '<' 300
load idle in_group hallows-load --json hogs 1 --cpu 0 --for 2s
load usual hallows-load --json hogs 1 --cpu 0 --for 2s
finish idle usual
check "CPU seconds of 2 of one in it, beside one that is not" "$(field total_cpu_seconds /tmp/idle)" '<' 0.4
load was in_group hallows-load --json hogs 1 --cpu 0 --for 2s
load usual hallows-load --json hogs 1 --cpu 0 --for 2s
sleep 0.1
echo 0 >$IDLE/cpu.idle
finish was usual
check "and when it idles no more" "$(field total_cpu_seconds /tmp/was)" '>' 0.7
stop
clean_dmesg
