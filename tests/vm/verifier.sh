# SPDX-License-Identifier: GPL-2.0-only
#
# what: no program takes the kernel's verifier over a quarter more than it did
# kernels: 6.16 6.18 7
# cpus: 8
# topo: numa2llc2
# timeout: 300

. /vm/lib.sh

# Instructions that the verifier walked, on all paths, by the series of the
# kernel. A program that is not here fails; a new table is what this prints.
BUDGET='
hallows_select_cpu             4734   4780   4169
hallows_enqueue               44695  50773  46876
hallows_dispatch              51580  54190  56565
hallows_running                1476   1854   1854
hallows_tick                   9261   7871   6578
hallows_stopping                984    984    984
hallows_update_idle             381    374    398
hallows_cpu_release            1857   1857      -
hallows_cpu_acquire              82     82      -
hallows_init_task                39     39     39
hallows_exit_task                 4      4      4
hallows_enable                  302    302    306
hallows_cgroup_init              14     14     14
hallows_cgroup_set_weight        13     16     16
hallows_cgroup_move             267    267    271
hallows_dump                    107    135    107
hallows_dump_cpu               1387   1391   1383
hallows_dump_task               406    407    407
hallows_cpu_online              105    105    105
hallows_cpu_offline             544    549    544
hallows_place                   393    393    393
hallows_look                    191    191    191
hallows_init                    392    392    392
hallows_exit                     29     29     32
hallows_sched_switch              -      -   1405
'

case $(uname -r) in
6.16*) column=2 ;;
6.18*) column=3 ;;
*) column=4 ;;
esac

start -v
stop
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
clean_dmesg
