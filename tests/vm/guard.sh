# SPDX-License-Identifier: GPL-2.0-only
#
# what: signals that hurt are withheld, and obeyed again when they do not
# kernels: 6.18
# cpus: 4
# topo: llc4
# mode: vtime
# timeout: 600
#
# An agent that sees no CPU as hungry has nobody look for an idle one beyond the
# LLC, which is a single CPU here: whose bursts are short wakes up and waits beside idle CPUs.

. /vm/lib.sh

says() {
	within "$1" grep -q "$2" $LOG
	say "$(grep "$2" $LOG | tail -n 1)"
}

start --guard-period-s 1 --hungry-enter 1 --hungry-leave 0.99
# Rhythms so different that they collide now and then on the four CPUs.
haunts=
for pause in 1300 1700 2200 2600 3100 3600; do
	hallows-load haunt 1 --cpus 0 --burst 900us --pause ${pause}us --for 1h >/dev/null &
	haunts="$haunts $!"
done
says 20 'signals hurt three times in a row: with them .* wait over'
totals
check "comparisons in which signals hurt" "$(stat guard.hurt)" '>=' 3
sample 1
check "windows without signals, percent" "$(stat guard.withheld)" '==' 100
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '<=' 1
says 10 'signals still hurt'
! grep 'the agent is silent' /sys/kernel/tracing/trace || fail "it is not"

scx_hallows set hungry_enter=0.2 hungry_leave=0.05 >/dev/null || fail "set"
says 10 'signals do not hurt any more'
sample 4
check "comparisons since" "$(stat guard.compared)" '>=' 1
check "of them such that signals hurt" "$(stat guard.hurt)" == 0
check "windows without signals, percent" "$(stat guard.withheld)" '<=' 40
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '>' 60

# Who is sure of his settings turns it off.
scx_hallows set hungry_enter=1 hungry_leave=0.99 guard=off >/dev/null || fail "set"
sample 3
check "comparisons with the guard off" "$(stat guard.compared)" == 0
check "windows without signals then, percent" "$(stat guard.withheld)" == 0

# Longer bursts do not believe such an agent: they look for themselves.
kill $haunts
scx_hallows set guard=on >/dev/null || fail "set"
for pause in 1800 2300 3000 3600 4200 5000; do
	hallows-load haunt 1 --cpus 0 --burst 1250us --pause ${pause}us --for 1h >/dev/null &
done
sleep 1
sample 8
check "comparisons with longer bursts" "$(stat guard.compared)" '>=' 2
check "of them such that signals hurt" "$(stat guard.hurt)" == 0
totals
check "times that the agent fell silent" "$(stat agent.lapses)" == 0
stop
clean_dmesg
