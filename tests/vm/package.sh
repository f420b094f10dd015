# SPDX-License-Identifier: GPL-2.0-only
#
# what: the .deb and the .rpm install, start, upgrade in place, and leave nothing behind
# kernels: 6.18
# cpus: 2
# init: systemd
# install: packages
# timeout: 600

. /vm/lib.sh

UNIT=scx_hallows.service
CONFIG=/etc/scx_hallows/config.toml
LOG=/tmp/journal

# The guest's own programs are no packages, and its folders hold no more of dpkg.
db=/var/lib/dpkg
mkdir -p $db/info $db/updates $db/triggers
: >$db/status
: >$db/available

# By its path, for busybox has one of each as well. The guest has no package to depend on.
dpkg() {
	/usr/bin/dpkg --force-depends --force-bad-path "$@" >/tmp/dpkg 2>&1 ||
		fail "dpkg $*: $(cat /tmp/dpkg)"
}

rpm() {
	/usr/bin/rpm "$@" >/tmp/rpm 2>&1 || fail "rpm $*: $(cat /tmp/rpm)"
}

active() {
	attached && [ "$(systemctl show -P ActiveState $UNIT)" = active ]
}

main_pid() {
	systemctl show -P MainPID $UNIT
}

journal() {
	journalctl -q -o cat -u $UNIT >$LOG
}

# installed FILE...: all are there, nothing runs yet, and the service can.
installed() {
	for file in /usr/bin/scx_hallows $CONFIG /usr/lib/systemd/system/$UNIT "$@"; do
		[ -f "$file" ] || fail "$file is not there"
	done
	detached || fail "it was started by being installed"
	systemctl start $UNIT || { journal; fail "start: exit status $?"; }
	active || { journal; fail "not active"; }
	say "installed and started"
}

# upgraded COMMAND...: the user's configuration outlives it, and the service goes through it.
upgraded() {
	pid=$(main_pid)
	starts=$(cat $SCX/enable_seq)
	echo 'slice_us = 2000' >>$CONFIG
	"$@"
	active || { journal; fail "not active after the upgrade"; }
	# The BPF half is the same.
	[ "$(cat $SCX/enable_seq)" = "$starts" ] || fail "the kernel's own scheduler had the tasks meanwhile"
	[ "$(main_pid)" != "$pid" ] || fail "the upgrade left the old one running"
	[ "$(scx_hallows get slice_us)" = "slice_us = 2000" ] || fail "the configuration did not last"
	say "upgraded"
}

# What is pinned, and has no agent: only the program that is about to go could end it.
orphan() {
	systemctl stop $UNIT
	setsid /usr/bin/scx_hallows --pin >/tmp/orphan 2>&1 &
	within 60 attached
	pkill -9 -x scx_hallows
	attached || fail "it ended with its agent"
}

removed() {
	detached || fail "removed, and the kernel still schedules by it"
	[ ! -e /usr/bin/scx_hallows ] || fail "the program is still there"
	say "removed"
}

# The package's program, not the one that every guest has.
rm /vm/bin/scx_hallows

dpkg -i /vm/scx_hallows.deb
grep -q '^Depends:.*procps' $db/status && fail "it depends on procps, which nothing of it runs"
installed /usr/share/man/man8/scx_hallows.8.gz /usr/share/bash-completion/completions/scx_hallows
upgraded dpkg -i /vm/scx_hallows.deb
orphan
dpkg -r scx-hallows
removed
[ -f $CONFIG ] || fail "the user's configuration is gone"
dpkg -P scx-hallows
for left in /etc/scx_hallows /var/lib/scx_hallows /var/lib/private/scx_hallows; do
	[ ! -e $left ] || fail "$left is still there"
done

rpm -i --nodeps /vm/scx_hallows.rpm
rpm -q --requires scx_hallows
grep -q '^procps' /tmp/rpm && fail "it requires procps-ng, which nothing of it runs"
installed /usr/share/man/man8/scx_hallows.8 /usr/share/bash-completion/completions/scx_hallows
# The same version again, as one that is newer would come.
upgraded rpm -U --nodeps --force /vm/scx_hallows.rpm
orphan
rpm -e scx_hallows
removed
grep -q 'slice_us = 2000' $CONFIG.rpmsave || fail "the user's configuration is gone"
[ ! -e $CONFIG ] || fail "$CONFIG is still there"
clean_dmesg
