# SPDX-License-Identifier: GPL-2.0-only
#
# what: bench runs each scheduler in turn, reports, and puts the default one back
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

OUT=/tmp/bench
BIN=/tmp/bin
mkdir -p $BIN
printf '#!/bin/sh\necho "first" >&2\necho "no luck today" >&2\nexit 3\n' >$BIN/scx_unlucky
cat >$BIN/scx_leaver <<'END'
#!/bin/sh
scx_hallows &
until [ "$(cat /sys/kernel/sched_ext/state)" = enabled ]; do
	sleep 0.1
done
sleep 0.7
kill -INT $!
wait
echo "gone too soon" >&2
exit 7
END
chmod +x $BIN/*
PATH=$PATH:$BIN

# sessions KEY: of report.json, in the order of time, on one line.
sessions() {
	sed -n '/"sessions"/,/"tests"/p' $OUT/report.json |
		sed -n "s/.*\"$1\": \"*\([^\",]*\).*/\1/p" | tr '\n' ' '
}

# same WHAT TEXT WANTED
same() {
	[ "$2" = "$3" ] || fail "$1: '$2', wanted '$3'"
	say "$1: $2"
}

# Which scheduler there is, once for each change, as the kernel says.
witness() {
	while [ ! -e /tmp/enough ]; do
		echo "$(cat $SCX/state) $(cat $SCX/root/ops 2>/dev/null)"
		sleep 0.1
	done | sed -n 's/^enabled \(.\)/\1/p; s/^disabled.*/none/p' | uniq >/tmp/witness
}

witness &
witness=$!
scx_hallows bench --quick --rounds 2 --only wakeup,pipe-1 --against scx_unlucky,leaver --noisy-ok \
	--out $OUT >/tmp/table 2>$LOG || fail "exit status $?"
cat /tmp/table
detached || fail "the state is $(cat $SCX/state) after the end"
touch /tmp/enough
wait $witness

order='eevdf scx_hallows scx_unlucky scx_leaver eevdf again '
same "turns" "$(sessions candidate)" "$order$order"
same "rounds" "$(sessions round)" '1 1 1 1 1 2 2 2 2 2 '
failures='null null no luck today gone too soon null '
same "failures" "$(sessions failure)" "$failures$failures"
check "turns in which the kernel named a scheduler" \
	"$(sessions ops | tr ' ' '\n' | grep -c '^hallows')" == 4
check "times that it was seen doing so" "$(grep -c '^hallows' /tmp/witness)" == 4
same "the last that was seen" "$(tail -n 1 /tmp/witness)" none

for row in 'wakeup p50' 'wakeup p99' 'wakeup p99.9' 'wakeup max' pipe-1; do
	grep -q "^ *$row .*(.*(.*failed.*failed" /tmp/table || fail "no row $row of two values and two failures"
done
grep -q '^scx_unlucky failed, 2 of 2 rounds: no luck today, exit status: 3$' /tmp/table ||
	fail "the table does not say why"
grep -q '^scx_leaver failed, 2 of 2 rounds: gone too soon, exit status: 7$' /tmp/table ||
	fail "the table does not say that one left"
grep -q '^2 rounds tell no difference' /tmp/table || fail "two rounds tell something"
grep -qE '[0-9]x (better|worse)' /tmp/table && fail "two rounds have a verdict"
same "values of each figure" \
	"$(awk '/"values"/ {n = 0; inside = 1; next} inside && /]/ {print n; inside = 0} inside {n++}' \
		$OUT/report.json | sort -u)" 2
grep -q '"finished": true' $OUT/report.json || fail "it was not finished"
tail -n 1 $OUT/report.json | grep -q '^}$' || fail "report.json has no end"
grep -q '</html>$' $OUT/report.html || fail "report.html has no end"
grep -q '^| pipe-1 | trips/s | .* | failed | failed |' $OUT/report.md || fail "report.md has no row"
grep -q '</svg>$' $OUT/report.svg || fail "report.svg has no end"
grep -q 'no luck today' $OUT/scx_unlucky.log || fail "no log"
[ -e /sys/kernel/tracing/instances/scx_hallows_bench ] && fail "it still traces"
check "moves of a candidate's tasks are counted" "$(grep -c '"moves_per_s": {' $OUT/report.json)" == 6

# A script that passes no signal on is ended as well; who is loaded anew, or leaves tasks to
# the default scheduler, was not measured.
printf '#!/bin/sh\nscx_hallows\nexit\n' >$BIN/scx_wrapped
cat >$BIN/scx_again <<'END'
#!/bin/sh
scx_hallows &
until [ "$(cat /sys/kernel/sched_ext/state)" = enabled ]; do
	sleep 0.1
done
sleep 0.7
kill -INT $!
wait
exec scx_hallows
END
chmod +x $BIN/*
scx_hallows bench --quick --rounds 1 --only wakeup --against scx_wrapped,scx_again,"scx_hallows --partial" \
	--noisy-ok --out $OUT.odd >/tmp/table 2>$LOG || fail "exit status $?"
cat /tmp/table
detached || fail "the state is $(cat $SCX/state) after the end"
grep -q '^scx_wrapped failed' /tmp/table && fail "a script is no scheduler"
grep -q '^scx_again failed, 1 of 1 rounds: it was .*loaded' /tmp/table || fail "it was loaded twice, unseen"
grep -q '^scx_hallows --partial failed, .*: it leaves ordinary tasks' /tmp/table || fail "partial is measured"
ls -l /proc/[0-9]*/exe 2>/dev/null | grep scx_hallows && fail "a process is left"

# What was measured apart is judged together.
scx_hallows bench --sum $OUT/report.json $OUT/report.json --out $OUT.sum >/tmp/table || fail "no sum"
grep -q '^scx_unlucky failed, 4 of 4 rounds' /tmp/table || fail "four rounds are not told"
grep -q '^2 rounds' /tmp/table && fail "they count as two"

# The user wants the end while a scheduler is loaded; another benchmark keeps off.
load ended scx_hallows bench --quick --only wakeup --noisy-ok --out $OUT
within 60 attached
refused 69 'another scheduler, hallows' scx_hallows bench --out $OUT.2
kill -INT $pid_ended
wait $pid_ended
same "exit status after SIGINT" $? 1
detached || fail "the state is $(cat $SCX/state) after SIGINT"
ls -l /proc/[0-9]*/exe 2>/dev/null | grep scx_hallows && fail "a process is left"
grep -q '^scx_hallows: interrupted' /tmp/ended || fail "no word of it"
grep -q '"finished": false' $OUT/report.json || fail "no report"

load hogs hallows-load hogs 2 --for 4s
refused 69 'too noisy.*of 4 CPUs.*hallows-load' scx_hallows bench --quick --out $OUT
grep -q '"finished": false' $OUT/report.json || fail "the report before that is gone"
finish hogs
refused 2 'no program scx_nothing in PATH' scx_hallows bench --against scx_nothing
refused 2 'cannot write' scx_hallows bench --out /proc/nowhere
clean_dmesg
