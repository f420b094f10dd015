# SPDX-License-Identifier: GPL-2.0-only
#
# what: groups share a CPU by cpu.weight, also after it changed
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

CG=/sys/fs/cgroup

# group NAME WEIGHT: with a hog on CPU 0.
group() {
	mkdir -p $CG/"$1"
	echo "$2" >$CG/"$1"/cpu.weight
	load "$1" sh -c "echo \$\$ >$CG/$1/cgroup.procs; exec hallows-load --json hogs 1 --cpu 0 --for 8s"
}

usage_us() {
	awk '/^usage_usec/ {print $2}' $CG/"$1"/cpu.stat
}

# share NAME: its part of what both groups used in the last two seconds, percent.
measure() {
	a=$(usage_us a) b=$(usage_us b)
	sleep 2
	a=$(($(usage_us a) - a)) b=$(($(usage_us b) - b))
	check "share of the group, percent" $((100 * b / (a + b))) '>=' $(($1 - 5))
	check "share of the group, percent" $((100 * b / (a + b))) '<=' $(($1 + 5))
}

start
group a 100
group b 300
sleep 0.5
measure 75
echo 900 >$CG/a/cpu.weight
sleep 0.2
measure 25
finish a b
stop
clean_dmesg
