# SPDX-License-Identifier: GPL-2.0-only
#
# what: get, set and SIGHUP tune a running scheduler; what makes no sense changes nothing
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

FILE=/tmp/hallows.toml

# is KEY VALUE: the running scheduler says so.
is() {
	[ "$(scx_hallows get "$1")" = "$1 = $2" ]
}

holds() {
	is "$1" "$2" || fail "$(scx_hallows get "$1"), wanted $2"
	say "$1 = $2"
}

# Twice as many hogs as CPUs change places at the end of each slice, so
# switches_less: less often with one of 24 ms than of 3. Runs of the agent and of
# the kernel's threads, which are no fewer, are counted as well.
switches_less() {
	load hogs hallows-load --json hogs $((CPUS * 2)) --for 4s
	sample 1
	before=$(stat run.self)
	scx_hallows set slice_us=24000 long_slice_us=24000 target_latency_us=1000000 >/tmp/set || fail "set"
	cat /tmp/set
	grep -q '^slice_us: 3000 -> 24000$' /tmp/set || fail "set doesn't tell what it changed"
	sample 1
	check "runs a second with eight times the slice, $before before" "$(stat run.self)" '<' \
		"$(awk -v before="$before" 'BEGIN {print before * 2 / 3}')"
	finish hogs
}

printf 'period_ms = 20\nkappa = 3.0\n' >$FILE
start --config $FILE --kappa 2
holds period_ms 20
holds kappa 2.0
holds slice_us 3000
scx_hallows get >/tmp/all || fail "get without a key"
check "keys" "$(wc -l </tmp/all)" == "$(scx_hallows config | grep -c '^#[a-z_]* = ')"
scx_hallows get --json | grep -q '"slice_us": 3000' || fail "no JSON"

switches_less
scx_hallows set period_ms=50
sample 1
check "period of the agent, ms" "$(stat agent.period)" '>=' 50

refused 2 'min_slice_us 500 is above slice_us 400' scx_hallows set kappa=4 slice_us=400
refused 2 "did you mean 'kappa'" scx_hallows set kapa=4
echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
refused 77 'run it with sudo' su nobody -s /bin/sh -c 'scx_hallows set kappa=4'
holds kappa 2.0
holds slice_us 24000

# The file is right about everything but what a flag said.
printf 'period_ms = 30\nkappa = 5.0\nslice_us = 4000\n' >$FILE
kill -HUP "$SCHEDULER"
within 5 is period_ms 30
holds slice_us 4000
holds target_latency_us 6000
holds kappa 2.0

printf 'period_ms = 40\nslise_us = 5000\n' >$FILE
kill -HUP "$SCHEDULER"
within 5 grep -q "$FILE:2: unknown key 'slise_us', did you mean 'slice_us'" $LOG
grep 'old values' $LOG
check "lines about it" "$(grep -c slise_us $LOG)" == 1
holds period_ms 30

# Whoever sets it all the time does not fill the log.
for slice_us in 2000 3000 2000 3000 2000 3000 2000 3000 2000 3000 2000 3000; do
	scx_hallows set slice_us=$slice_us >/dev/null || fail "set"
done
holds slice_us 3000
check "lines about changes, and one refused" "$(grep -cE ' (set|configuration read again|the old values stay): ' $LOG)" == 10
grep -q 'further changes are not told of' $LOG || fail "no word that lines are missing"
stop

# BPF goes by what was set, not the agent alone.
start --no-agent
switches_less
stop

refused 2 "$FILE:2: unknown key" scx_hallows --config $FILE
refused 69 'start scx_hallows first' scx_hallows get
clean_dmesg
