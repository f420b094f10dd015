# SPDX-License-Identifier: GPL-2.0-only
#
# what: 50 times loaded and unloaded under load
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 900

. /vm/lib.sh

load periodic hallows-load --json periodic --threads 4 --period-us 10000 --work-us 500 --for 1h
for turn in $(seq 50); do
	start
	stop >/dev/null
done
say "50 times"
kill "$pid_periodic"
finish periodic
check "wake-ups of the load" "$(field count /tmp/periodic)" '>' 10000
clean_dmesg
