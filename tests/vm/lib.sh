# SPDX-License-Identifier: GPL-2.0-only
# What the scenarios share: start and stop the scheduler, read its statistics,
# compare. A check that holds prints a line; one that does not ends the scenario
# with a line that begins with FAILED. Runs in busybox's sh.

SCX=/sys/kernel/sched_ext
LOG=/tmp/scheduler.log
STATS=/tmp/stats
CPUS=$(nproc)

say() {
	echo "ok: $*"
}

fail() {
	echo "FAILED: $*"
	if [ -s $LOG ]; then
		echo "the scheduler's log ends with:"
		tail -n 15 $LOG
	fi
	# What the scheduler knew when the kernel ejected it goes with the VM otherwise.
	head -n 150 /var/lib/scx_hallows/ejection-* 2>/dev/null
	dmesg | grep sched_ext | tail -n 3
	exit 1
}

# Milliseconds of guest time.
now_ms() {
	awk '{printf "%d\n", $1 * 1000}' /proc/uptime
}

# within SECONDS COMMAND...: waits until the command succeeds, fails when it
# never does.
within() {
	end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt $end ] || fail "waited too long for: $*"
		sleep 0.05
	done
}

# check TEXT VALUE OP LIMIT: OP is one of awk's comparisons, such as '>='.
check() {
	if awk -v a="$2" -v b="$4" "BEGIN {exit !(a != \"\" && a + 0 $3 b + 0)}"; then
		say "$1: $2 ($3 $4)"
	else
		fail "$1: ${2:-no value}, wanted $3 $4"
	fi
}

# refused STATUS WORDS COMMAND...: ends at once with one line that has the words.
refused() {
	wanted=$1 words=$2
	shift 2
	timeout 20 "$@" >/tmp/refusal 2>&1
	status=$?
	cat /tmp/refusal
	[ $status = "$wanted" ] || fail "$*: exit status $status, wanted $wanted"
	[ "$(wc -l </tmp/refusal)" = 1 ] || fail "$*: more than one line"
	grep -q "$words" /tmp/refusal || fail "$*: no word of $words"
	say "refused with $status"
}

# The host stops this machine for $VM_FREEZE_S; its clocks go on.
freeze() {
	last=$(now_ms)
	wanted=$((VM_FREEZE_S * 1000 - 1000))
	give_up=$((last + wanted + 60000))
	echo 'vm: freeze'
	while :; do
		now=$(now_ms)
		[ $((now - last)) -lt $wanted ] || break
		[ "$now" -lt $give_up ] || fail "the host does not stop this machine"
		last=$now
		sleep 0.05
	done
	say "the clock jumped by $((now - last)) ms"
}

# --- the scheduler ---

attached() {
	[ "$(cat $SCX/state)" = enabled ] && grep -qs '^hallows' $SCX/root/ops
}

detached() {
	[ "$(cat $SCX/state)" = disabled ]
}

alive() {
	kill -0 "$SCHEDULER" 2>/dev/null
}

# Everywhere but where its default is tested, the watchdog bites at 5 s.
WATCHDOG='--watchdog-ms 5000'

# start ARGUMENTS...: returns when the scheduler schedules.
start() {
	: >$LOG # the child does so too late
	scx_hallows $WATCHDOG "$@" >$LOG 2>&1 &
	SCHEDULER=$!
	end=$(($(now_ms) + 60000))
	until attached; do
		alive || fail "the scheduler ended before it was attached"
		[ "$(now_ms)" -lt $end ] || fail "not attached after 60 s"
		sleep 0.1
	done
	# The agent's first line comes after the attachment.
	within 60 grep -q scheduling $LOG
}

# Ends the scheduler as Ctrl-C does. It has a second for it by a clock that the
# host's other work does not touch.
stop() {
	attached || fail "stopped before it was told to"
	limit=10000
	[ "$VM_MODE" = vtime ] && limit=1000
	from=$(now_ms)
	kill -INT "$SCHEDULER"
	wait "$SCHEDULER"
	status=$?
	took=$(($(now_ms) - from))
	[ $status = 0 ] || fail "exit status $status after SIGINT"
	detached || fail "the state is $(cat $SCX/state) after the scheduler's end"
	[ $took -le $limit ] || fail "took $took ms to detach"
	say "detached within $took ms, exit status 0"
	accounts_close
}

# The kernel has nothing to complain about.
clean_dmesg() {
	bad='WARNING|BUG[: ]|Oops|general protection|blocked for more than|soft lockup|stall|sched_ext:.*(error|disabled \((runtime|runnable))'
	if dmesg | grep -vE 'ommand line:|rcu_cpu_stall_suppress' | grep -E "$bad"; then
		fail "the kernel complains"
	fi
	say "the kernel log is clean"
}

# --- statistics ---

# One block of `scx_hallows --monitor`, number $2, of those that come every $1
# seconds, as lines of a name and a number: "dispatch.own 1234", a second. What
# is there at all is above 0, however it was rounded.
block() {
	: >$STATS.raw # the child does so too late
	scx_hallows --monitor "$1" >$STATS.raw 2>$STATS.err &
	monitor=$!
	# What is measured shall not be this shell's own work.
	sleep "$(awk "BEGIN {print $1 * ($2 - 1)}")"
	until [ "$(grep -c '^$' $STATS.raw)" -ge "$2" ]; do
		kill -0 $monitor 2>/dev/null || fail "no statistics: $(cat $STATS.err)"
		sleep 0.05
	done
	kill $monitor
	wait $monitor
	awk -v wanted="$2" '
		/^$/ {block++}
		block != wanted - 1 || /^LLC/ {next}
		{
			fields = split($0, field, /  +/)
			head = field[1]
			sub(/( at)?\/s$/, "", head)
			for (i = 2; i <= fields; i++) {
				match(field[i], / [0-9]/)
				name = substr(field[i], 1, RSTART - 1)
				value = substr(field[i], RSTART + 1)
				sub(/\/s$/, "", name)
				gsub(/ /, "_", name)
				unit = value ~ /^[0-9.]+k/ ? 1e3 : value ~ /^[0-9.]+M/ ? 1e6 : 1
				number = value * unit
				print head "." name, value ~ /^0\.0/ ? 0.01 : number
			}
		}' $STATS.raw >$STATS
}

# Statistics since the scheduler was loaded, for `stat`.
totals() {
	block 3600 1
}

# Statistics over the next $1 seconds.
sample() {
	block "$1" 2
}

# stat NAME: from the last totals or sample: dispatch.peer, wake.sync, run.llc
# (where a task ran, seen from its last CPU), queue.express, agent.fresh ...
stat() {
	awk -v name="$1" '$1 == name {print $2}' $STATS
}

# --- loads ---

# load NAME COMMAND...: in the background, its output in /tmp/NAME.
load() {
	name=$1
	shift
	"$@" >/tmp/$name 2>&1 &
	eval "pid_$name=$!"
}

# finish NAME...: waits until the loads have ended, which must be well.
finish() {
	for name; do
		eval "wait \$pid_$name" || fail "$name: exit status $?: $(cat /tmp/$name)"
	done
}

# free NAME: lets all threads of a load use all CPUs.
free() {
	eval "taskset -a -p -c 0-$((CPUS - 1)) \$pid_$1" >/dev/null
}

# field NAME FILE: a number of a load's --json report.
field() {
	sed -n "s/.*\"$1\":\([-0-9.]*\).*/\1/p" "$2"
}

# The smallest number of an array: lowest NAME FILE.
lowest() {
	sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" "$2" | tr , '\n' | sort -g | head -n 1
}

# oracle LOAD...: no task outside its mask, none waiting over 10 ms beside an
# idle CPU. The second law holds by the virtual clock only: on the real one a
# guest CPU waits for the host's.
oracle() {
	hallows-oracle check -- "$@" >/tmp/oracle 2>&1
	status=$?
	[ $status = 0 ] || {
		cat /tmp/oracle
		fail "the oracle's exit status is $status: $(grep -m 1 '^law.*: [1-9]' /tmp/oracle)"
	}
	say "the oracle: $(grep -c violations /tmp/oracle) laws kept over '$*'"
	grep '^law' /tmp/oracle
}

# A hot spot: 4n hogs that share one CPU get to all of them, and share them.
# spreads MS: until no CPU has over one hog more than another, the median of five times.
spreads() {
	: >/tmp/levels
	for run in 1 2 3 4 5; do
		load spread hallows-load --json spread $((CPUS * 4)) --for 500ms
		finish spread
		check "CPUs that the hogs used" "$(field used_cpus /tmp/spread)" == "$CPUS"
		check "all busy after, us" "$(field spread_us /tmp/spread)" '<=' 3000
		check "use of the CPUs, percent" "$(field used_percent /tmp/spread)" '>=' 95
		level=$(field level_us /tmp/spread)
		echo "${level:-999999999}" >>/tmp/levels
	done
	check "no CPU with over one hog more than another after, us" "$(sort -n /tmp/levels | sed -n 3p)" '<=' $(($1 * 1000))
}

# Six hogs on CPUs 0 and 1 while others make 2 and 3 half as busy: none is lost
# on the track of a CPU that is not theirs. confined COMMAND...: starts the six.
confined() {
	load rest hallows-load hogs 2 --cpu 2-3 --for 2500ms
	load confined "$@"
	finish confined rest
	check "CPU seconds, of 0.67, of the confined hog that got the least" \
		"$(lowest cpu_seconds /tmp/confined)" '>' 0.5
}

# Jain's index of the CPU time of all hogs of these reports: jain FILE...
jain() {
	sed -n 's/.*"cpu_seconds":\[\([^]]*\)\].*/\1/p' "$@" | tr , '\n' |
		awk '{sum += $1; squares += $1 * $1} END {print sum * sum / (NR * squares)}'
}

# outcome KIND END: how many such moves ended so until the scheduler's end:
# applied, expired, mask, pinned, gone, gap, price.
outcome() {
	sed -n "s/.*moves, $1: .*$2 \([0-9]*\).*/\1/p" $LOG | tail -n 1 | grep . || echo 0
}

# moved KIND: how many such moves were made until the scheduler's end.
moved() {
	outcome "$1" applied
}

# Of the moves that the agent asked for, each was made, expired or was refused.
accounts_close() {
	sed -n 's/.*moves, \([a-z]*\): /\1 /p' $LOG | tr -d ',:' | awk '
		{
			sum = 0
			for (i = 5; i <= NF; i++)
				if ($i ~ /^[0-9]+$/)
					sum += $i
			if ($3 != sum) {
				print "FAILED: moves do not add up: " $0
				exit 1
			}
		}' || exit 1
}
