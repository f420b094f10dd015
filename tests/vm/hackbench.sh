# SPDX-License-Identifier: GPL-2.0-only
#
# what: on a kernel of each series 800 tasks that pass messages come to an end
# kernels: 6.16 6.18 7
# cpus: 4
# mode: vtime
# timeout: 600
#
# By the virtual clock: so many tasks take an emulator seconds to get round, and
# on a busy host the kernel's watchdog would be right.

. /vm/lib.sh

start
say "attached to $(uname -r)"
hackbench -g 20 -l 20 || fail "hackbench with processes"
hackbench -g 20 -l 20 -T || fail "hackbench with threads"
stop
clean_dmesg
