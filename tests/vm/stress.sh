# SPDX-License-Identifier: GPL-2.0-only
#
# what: attached to a kernel of each series, the scheduler bears a minute of stress
# kernels: 6.16 6.18 7
# cpus: 4
# timeout: 600
#
# The stress is that of scx's own CI: forks, memory, CPU, and workers that move
# themselves from CPU to CPU as fast as they can. On the real clock, where 60 s
# of four CPUs last a minute and not ten.

. /vm/lib.sh

start
say "attached to $(uname -r) as $(cat $SCX/root/ops)"

load stress stress-ng --aggressive -t 60 -M -c "$CPUS" -f "$CPUS" \
	--affinity "$CPUS" --affinity-delay 1 --affinity-pin
finish stress
attached || fail "gone after the stress"
say "60 s of stress"

stop
clean_dmesg
