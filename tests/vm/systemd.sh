# SPDX-License-Identifier: GPL-2.0-only
#
# what: under systemd it starts, reloads, comes back after a crash and a hang, and stops
# kernels: 6.18
# cpus: 2
# init: systemd
# install: files
# timeout: 600

. /vm/lib.sh

UNIT=scx_hallows.service
LOG=/tmp/journal

# property NAME [UNIT]: as systemd knows it.
property() {
	systemctl show -P "$1" "${2:-$UNIT}"
}

# What the unit's log says is part of a failure.
journal() {
	journalctl -q -o cat -u "${1:-$UNIT}" >$LOG
}

told() {
	journal
	grep -q "$1" $LOG
}

main_pid() {
	property MainPID
}

# Whether it schedules again, as another process than $1.
another_than() {
	# First, for it is 0 while there is none, and the rest may still tell of the old one.
	now=$(main_pid)
	[ "$now" != 0 ] && [ "$now" != "$1" ] && [ "$(property ActiveState)" = active ] && attached
}

# The longest that a start, a reload or a return may take, s.
SOON=60

# --- start, as nobody in particular ---

chmod 700 /sys/fs/bpf # as systemd itself mounts it
before=$(now_ms)
systemctl start $UNIT || { journal; fail "start: exit status $?"; }
attached || { journal; fail "started before the kernel schedules by it"; }
check "start, ms" $(($(now_ms) - before)) '<' $((SOON * 1000))
[ "$(property ActiveState)/$(property SubState)" = active/running ] || fail "not active"
[ "$(property StatusText)" = scheduling ] || fail "its status: $(property StatusText)"
systemctl status --no-pager $UNIT || fail "status: exit status $?"
pid=$(main_pid)
uid=$(awk '/^Uid:/ {print $2}' /proc/$pid/status)
check "its user" "$uid" '>=' 61184
socket=$(command stat -L -c '%a %u' /run/scx/root/stats)
[ "$socket" = "660 $uid" ] || fail "mode and owner of its socket: $socket"
# CAP_PERFMON is bit 38, CAP_BPF bit 39.
for set in CapEff CapPrm CapBnd CapAmb; do
	grep -q "^$set:.*000000c000000000$" /proc/$pid/status || fail "$set: $(grep $set /proc/$pid/status)"
done
grep -q '^Seccomp:.*2$' /proc/$pid/status || fail "no system call is filtered"
say "it has CAP_BPF and CAP_PERFMON, and no other capability"

# --- reload ---

# The value that holds now, whoever started it.
value() {
	scx_hallows get slice_us
}

# scheduling_by UNIT SLICE_US
scheduling_by() {
	[ "$(property ActiveState "$1")" = active ] && attached && [ "$(value 2>/dev/null)" = "slice_us = $2" ]
}

[ "$(value)" = "slice_us = 3000" ] || fail "at first: $(value)"
echo 'slice_us = 2000' >>/etc/scx_hallows/config.toml
systemctl reload $UNIT || fail "reload: exit status $?"
within $SOON told 'slice_us 3000 -> 2000'
[ "$(value)" = "slice_us = 2000" ] || fail "after reload: $(value)"
cp /etc/scx_hallows/config.toml /tmp/good.toml
echo 'slise_us = 2000' >>/etc/scx_hallows/config.toml
systemctl reload $UNIT && fail "a file with a mistake is no failure of reload"
[ "$(value)" = "slice_us = 2000" ] || fail "after a reload that failed: $(value)"
scx_hallows reload 2>/tmp/told && fail "a file with a mistake is taken"
grep -q "config.toml:[0-9]*: unknown key 'slise_us'" /tmp/told || fail "no line: $(cat /tmp/told)"
scx_hallows check >/tmp/told && fail "check finds no mistake"
grep -q '^wrong *config .*slise_us' /tmp/told || fail "check: $(cat /tmp/told)"
cp /tmp/good.toml /etc/scx_hallows/config.toml
[ "$(scx_hallows reload)" = "nothing changed" ] || fail "something changed"
[ "$(main_pid)" = "$pid" ] || fail "reload was a restart"
say "reload changes what it runs with, and tells of mistakes"

# --- nothing, for longer than the watchdog waits ---

sleep 12
[ "$(main_pid)/$(property NRestarts)" = "$pid/0" ] || { journal; fail "restarted while it was well"; }
say "left alone, it goes on"

# --- crash ---

kill -9 "$pid"
[ "$(cat $SCX/state)" = enabled ] || fail "it ended with its agent"
within $SOON another_than "$pid"
told 'taking over the pinned scheduler' || fail "the new agent took over nothing"
[ "$(property NRestarts)" = 1 ] || fail "restarted $(property NRestarts) times"
[ "$(value)" = "slice_us = 2000" ] || fail "after the crash: $(value)"
say "killed, it came back"

# --- hang ---

pid=$(main_pid)
kill -STOP "$pid"
within 150 another_than "$pid"
told 'Watchdog timeout' || fail "no word of a watchdog"
[ "$(property NRestarts)" = 2 ] || fail "restarted $(property NRestarts) times"
[ "$(cat $SCX/enable_seq)" = 1 ] || fail "loaded $(cat $SCX/enable_seq) times"
say "hung, it came back, and the kernel scheduled by it all the while"

# --- restart, as an upgrade does it ---

systemctl reset-failed $UNIT # it counts starts
pid=$(main_pid)
systemctl restart $UNIT || { journal; fail "restart: exit status $?"; }
[ "$(main_pid)" != "$pid" ] || fail "restart was none"
[ "$(cat $SCX/enable_seq)" = 1 ] || fail "loaded $(cat $SCX/enable_seq) times"
told 'leaving the scheduler to another agent' || fail "no word of it"
say "restarted, and the kernel scheduled by it all the while"
mkdir -p /run/systemd/system/$UNIT.d
printf '[Service]\nExecStart=\nExecStart=/usr/bin/scx_hallows --pin --replace --exit-dump-len 65536\n' \
	>/run/systemd/system/$UNIT.d/flags.conf
systemctl daemon-reload
systemctl restart $UNIT || { journal; fail "restart with other flags: exit status $?"; }
attached || fail "not attached with other flags"
told 'replacing the pinned scheduler, which was loaded with --exit-dump-len' || fail "no word of it"
say "restarted with what can't be changed while it is loaded, it was replaced"

# --- ejected: a report, though it is nobody in particular, and another start ---

systemctl reset-failed $UNIT
pid=$(main_pid)
echo S >/proc/sysrq-trigger
within $SOON another_than "$pid"
told '^/var/lib/scx_hallows/.*' || fail "no report's path"
report=$(grep '^/var/lib/scx_hallows/' $LOG | tail -n 1)
grep -q '[sS]ys[rR]q' "$report" || fail "no reason in $report"
say "ejected, it left $report and came back"

# --- failed for good: then it does not schedule ---

systemctl reset-failed $UNIT
echo 'slise_us = 2000' >>/etc/scx_hallows/config.toml
systemctl restart $UNIT && fail "a file with a mistake is no failure of a start"
[ "$(property ActiveState)" = failed ] || fail "it is $(property ActiveState)"
within $SOON detached
within $SOON [ "$(property ActiveState scx_hallows-failed.service)" = inactive ]
[ "$(property Result scx_hallows-failed.service)" = success ] || { journal scx_hallows-failed.service; fail "it was not ended well"; }
[ -z "$(ls /sys/fs/bpf/scx_hallows)" ] || fail "something is pinned still"
cp /tmp/good.toml /etc/scx_hallows/config.toml
systemctl reset-failed $UNIT
systemctl start $UNIT || { journal; fail "start: exit status $?"; }
# As newer versions of systemd do before each restart.
systemctl start scx_hallows-failed.service
attached || fail "what has not failed was ended"
say "failed for good, it left the tasks to the default scheduler"

# --- a benchmark, for which it makes way ---

systemctl reset-failed $UNIT
pid=$(main_pid)
scx_hallows bench --quick --rounds 1 --only pipe-1 --noisy-ok --out /tmp/bench >/tmp/table 2>&1 ||
	fail "bench: exit status $?: $(tail -n 3 /tmp/table)"
grep -q '^ *pipe-1' /tmp/table || fail "no figure"
within $SOON another_than "$pid"
say "it made way for a benchmark and came back"

# --- stop, and another one with an agent that hangs ---

before=$(now_ms)
systemctl stop $UNIT || fail "stop: exit status $?"
detached || fail "stopped, and the kernel still schedules by it"
check "stop, ms" $(($(now_ms) - before)) '<' 10000
[ "$(property ActiveState)/$(property Result)" = inactive/success ] || { journal; fail "not a clean end: $(property Result)"; }
[ -z "$(ls /sys/fs/bpf/scx_hallows)" ] || fail "something is pinned still"
say "stopped, the default scheduler is back"
# Its parent, which alone is asked to end, does not pass that on.
cat >/run/systemd/system/$UNIT.d/flags.conf <<'END'
[Service]
ExecStart=
ExecStart=/bin/sh -c 'trap "" INT; /usr/bin/scx_hallows --pin; :'
NotifyAccess=all
KillMode=mixed
SystemCallFilter=
END
systemctl daemon-reload
systemctl start $UNIT || { journal; fail "start: exit status $?"; }
systemctl stop $UNIT
[ "$(property Result)" = timeout ] || fail "it did not hang: $(property Result)"
detached || { journal; fail "stopped while its agent hung, and the kernel still schedules by it"; }
[ -z "$(ls /sys/fs/bpf/scx_hallows)" ] || fail "something is pinned still"
say "its agent hung, and the stop ended it"
rm -r /run/systemd/system/$UNIT.d
systemctl daemon-reload
systemctl reset-failed $UNIT

# --- as the choice of scx.service ---

mkdir -p /etc/default
cat >/etc/default/scx <<END
SCX_SCHEDULER=scx_hallows
SCX_FLAGS='--slice-us 2500'
END
cat >/etc/systemd/system/scx.service <<'END'
[Service]
EnvironmentFile=/etc/default/scx
ExecStart=/bin/sh -c 'exec ${SCX_SCHEDULER_OVERRIDE:-$SCX_SCHEDULER} ${SCX_FLAGS_OVERRIDE:-$SCX_FLAGS}'
Restart=on-failure
END
systemctl daemon-reload
systemctl start scx.service
within $SOON attached
within $SOON scheduling_by scx.service 2500
say "scx.service starts it, with its flags"

# Each ends the other, and none of them fails by that.
systemctl start $UNIT || { journal; fail "start: exit status $?"; }
[ "$(property ActiveState scx.service)" = inactive ] || fail "scx.service goes on"
scheduling_by $UNIT 2000 || fail "$UNIT does not schedule"
say "$UNIT ends scx.service"
systemctl start scx.service
within $SOON scheduling_by scx.service 2500
[ "$(property ActiveState)/$(property Result)" = inactive/success ] || fail "not a clean end"
say "scx.service ends $UNIT"
systemctl stop scx.service
detached || fail "stopped, and the kernel still schedules by it"

clean_dmesg
