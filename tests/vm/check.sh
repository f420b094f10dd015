# SPDX-License-Identifier: GPL-2.0-only
#
# what: scx_hallows check is content, and tells what is wrong when something is
# kernels: 6.16 6.18 7
# cpus: 2
# timeout: 600

. /vm/lib.sh

# wrong STATUS PROBE WORDS COMMAND...: that probe alone is wrong, with these words.
wrong() {
	wanted=$1 probe=$2 words=$3
	shift 3
	"$@" >/tmp/check 2>&1
	status=$?
	cat /tmp/check
	[ $status = "$wanted" ] || fail "$*: exit status $status, wanted $wanted"
	[ "$(grep -c ^wrong /tmp/check)" = 1 ] || fail "$*: not one thing is wrong"
	grep -q "^wrong  *$probe  *.*$words" /tmp/check || fail "$*: no word of $words"
	say "$probe is wrong: exit status $wanted"
}

echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
scx_hallows check >/tmp/check || fail "exit status $?: $(cat /tmp/check)"
cat /tmp/check
[ "$(grep -c '^ok ' /tmp/check)" = 11 ] || fail "not eleven lines of ok"
[ "$(cat $SCX/state)" = disabled ] || fail "the check loaded something"
wrong 77 capabilities CAP_BPF su nobody -s /bin/sh -c 'scx_hallows check'

start
wrong 69 scheduler 'another scheduler, hallows' scx_hallows check
scx_hallows check --json | grep -q '"exit": 69' || fail "no exit status in the JSON"
attached || fail "the check disturbed the scheduler"
scx_hallows stop | grep "^stopped scx_hallows, process $SCHEDULER" || fail "stop does not say what it stopped"
detached || fail "stopped, it goes on"
wait "$SCHEDULER" || fail "exit status $? after 'scx_hallows stop'"

# What lockdown forbids is what the probe says: nothing short of confidentiality.
lockdown=/sys/kernel/security/lockdown
mount -t securityfs securityfs /sys/kernel/security
if [ -w $lockdown ]; then
	echo integrity >$lockdown
	scx_hallows check || fail "exit status $? under integrity"
	start
	stop
	echo confidentiality >$lockdown
	wrong 69 lockdown confidentiality scx_hallows check
	refused 69 'locked down' scx_hallows
	# Were it not to look, the kernel would refuse.
	umount /sys/kernel/security
	refused 1 'load BPF' scx_hallows
else
	say "this kernel knows no lockdown"
fi
clean_dmesg
