# SPDX-License-Identifier: GPL-2.0-only
#
# what: the .deb installs, starts, upgrades in place, and leaves nothing behind
# kernels: 6.18
# cpus: 2
# init: systemd
# install: deb
# timeout: 600

. /vm/lib.sh

UNIT=scx_hallows.service
DEB=/vm/scx_hallows.deb
CONFIG=/etc/scx_hallows/config.toml
LOG=/tmp/journal

# The guest's own programs are no packages, and its folders hold no more of dpkg.
db=/var/lib/dpkg
mkdir -p $db/info $db/updates $db/triggers
: >$db/status
: >$db/available

# By its path, for busybox has one as well. The guest has no package to depend on.
dpkg() {
	/usr/bin/dpkg --force-depends --force-bad-path "$@" >/tmp/dpkg 2>&1 ||
		fail "dpkg $*: $(cat /tmp/dpkg)"
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

# The package's program, not the one that every guest has.
rm /vm/bin/scx_hallows

dpkg -i $DEB
for file in /usr/bin/scx_hallows $CONFIG /usr/lib/systemd/system/$UNIT \
	/usr/share/man/man8/scx_hallows.8.gz /usr/share/bash-completion/completions/scx_hallows; do
	[ -f $file ] || fail "$file is not there"
done
grep -q '^Depends:.*procps' $db/status || fail "it depends on no procps"
detached || fail "it was started by being installed"
systemctl start $UNIT || { journal; fail "start: exit status $?"; }
active || { journal; fail "not active"; }
say "installed and started"

# The user's configuration outlives an upgrade, which the service goes through.
pid=$(main_pid)
echo 'slice_us = 2000' >>$CONFIG
dpkg -i $DEB
active || { journal; fail "not active after the upgrade"; }
# The BPF half is the same.
[ "$(cat $SCX/enable_seq)" = 1 ] || fail "the kernel's own scheduler had the tasks meanwhile"
[ "$(main_pid)" != "$pid" ] || fail "the upgrade left the old one running"
[ "$(scx_hallows get slice_us)" = "slice_us = 2000" ] || fail "the configuration did not last"
say "upgraded"

dpkg -r scx-hallows
detached || fail "removed, and the kernel still schedules by it"
[ ! -e /usr/bin/scx_hallows ] || fail "the program is still there"
[ -f $CONFIG ] || fail "the user's configuration is gone"
dpkg -P scx-hallows
for left in /etc/scx_hallows /var/lib/scx_hallows /var/lib/private/scx_hallows; do
	[ ! -e $left ] || fail "$left is still there"
done
say "removed"
clean_dmesg
