# SPDX-License-Identifier: GPL-2.0-only
#
# what: 50 times loaded and unloaded under load
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 900

. /vm/lib.sh

# BPF programs in the kernel's memory.
programs() {
	grep -c bpf_prog_alloc /proc/vmallocinfo
}

gone() {
	[ "$(programs)" -le "$before" ]
}

before=$(programs)
load periodic hallows-load --json periodic --threads 4 --period-us 10000 --work-us 500 --for 1h
for turn in $(seq 50); do
	start
	stop >/dev/null
done
say "50 times"
within 5 gone
say "no program is left behind"
kill "$pid_periodic"
finish periodic
check "wake-ups of the load" "$(field count /tmp/periodic)" '>' 10000
clean_dmesg
