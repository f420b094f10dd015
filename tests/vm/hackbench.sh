# SPDX-License-Identifier: GPL-2.0-only
#
# what: on a kernel of each series 800 tasks that pass messages soon come to an end
# kernels: 6.16 6.18 7
# cpus: 4
# mode: vtime
# timeout: 600
#
# By the virtual clock: so many tasks take an emulator seconds to get round, and
# on a busy host the kernel's watchdog would be right.

. /vm/lib.sh

# messages ARGUMENTS...: takes a third of a second, and one if all stay on a CPU.
messages() {
	hackbench -g 20 -l 20 "$@" >/tmp/hackbench || fail "hackbench $*"
	check "seconds of hackbench $*" "$(awk '/^Time:/ {print $2}' /tmp/hackbench)" '<' 0.7
}

start
say "attached to $(uname -r)"
messages --process
messages -T
stop
clean_dmesg
