# SPDX-License-Identifier: GPL-2.0-only
#
# what: 50 times loaded and unloaded under load
# kernels: 6.18
# cpus: 2
# mode: rr
# timeout: 600

. /vm/lib.sh

load hogs hallows-load --json periodic --threads 4 --work-us 400 --for 1h
for turn in $(seq 50); do
	start
	stop >/dev/null
done
say "50 times"
kill "$pid_hogs"
finish hogs
check "wake-ups of the load" "$(field count /tmp/hogs)" '>' 1000
clean_dmesg
