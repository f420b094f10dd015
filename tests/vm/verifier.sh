# SPDX-License-Identifier: GPL-2.0-only
#
# what: no program takes the verifier a quarter further than it did, nor does loading search types often
# kernels: 6.16 6.18 7
# cpus: 8
# topo: numa2llc2
# timeout: 300

. /vm/lib.sh

# Instructions that the verifier walked, on all paths, by the series of the
# kernel. A program that is not here fails; a new table is what this prints.
BUDGET='
hallows_select_cpu            6467   6777   6323
hallows_enqueue              24978  25883  26402
hallows_dispatch             44142  48839  52238
hallows_running               3038   3386   3274
hallows_tick                  9425   9850   9370
hallows_stopping              1418   1418   1422
hallows_yield                   22     22     26
hallows_update_idle            566    567    564
hallows_cpu_release           2467   2567      -
hallows_cpu_acquire             82     82      -
hallows_init_task               41     41     41
hallows_exit_task                4      4      4
hallows_enable                 415    415    419
hallows_cgroup_init             14     14     14
hallows_cgroup_set_weight       13     16     16
hallows_cgroup_move            267    267    271
hallows_dump                   110    138    110
hallows_dump_cpu              1387   1391   1383
hallows_dump_task              450    450    450
hallows_cpu_online             105    105    105
hallows_cpu_offline            682    687    682
hallows_place                  393    393    393
hallows_look                   191    191    191
hallows_init                  1056   1056   1056
hallows_exit                    29     29     32
hallows_sched_switch             -      -   2769
'

case $(uname -r) in
6.16*) column=2 ;;
6.18*) column=3 ;;
*) column=4 ;;
esac

# Before 7.0 a search goes over all types of the kernel, one by one: over a million
# instructions (src/bpf/mask.bpf.h).
PROBES=/sys/kernel/tracing
echo 'p:search btf_find_by_name_kind' >$PROBES/kprobe_events || fail "no probe"
echo 1 >$PROBES/events/kprobes/search/enable
start -v
stop
searches=$(awk '$1 == "search" {print $2}' $PROBES/kprobe_profile)
sed -n 's/.*verified: \(hallows_[a-z_]*\): \([0-9]*\) instructions.*/\1 \2/p' $LOG >/tmp/verified
cat /tmp/verified
check "programs" "$(wc -l </tmp/verified)" '>=' 22
echo "$BUDGET" | awk -v column=$column '
	NR == FNR {budget[$1] = $column; next}
	$2 > 1.25 * budget[$1] + 20 {
		print $1 ": " $2 " instructions, the table has " budget[$1] + 0
		bad = 1
	}
	$2 >= 200000 {bad = 1}
	END {exit bad}' - /tmp/verified || fail "the verifier walks too far"
say "no program is over its budget"
check "searches of the kernel's types while it loaded" "$searches" '>' 0
[ $column = 4 ] || check "searches, of which there were 159" "$searches" '<' 250
clean_dmesg
