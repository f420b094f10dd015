# SPDX-License-Identifier: GPL-2.0-only
#
# what: no two long bursts share a core while another idles, when they start and when others end
# kernels: 6.18
# cpus: 8
# topo: smt2 llc2smt2
# mode: vtime
# timeout: 600
#
# CPUs 0 and 1 are one core, 2 and 3 the next.

. /vm/lib.sh

# shared PID...: on how many cores more than one of their threads was last.
shared() {
	for id in "$@"; do
		for stat in /proc/"$id"/task/*/stat; do
			# The first thread waits for the others.
			[ "$stat" = "/proc/$id/task/$id/stat" ] || awk '{print $39}' "$stat"
		done
	done | awk '{hogs[int($1 / 2)]++} END {for (core in hogs) if (hogs[core] > 1) nr++; print nr + 0}'
}

# least PID...: the least of five looks, for whoever wakes up takes a hog's CPU for a moment.
least() {
	for look in 1 2 3 4 5; do
		shared "$@"
		sleep 0.03
	done | sort -n | head -n 1
}

start
# Four processes, so that no home keeps them together, begin one after the other.
for nr in 1 2 3 4; do
	load born$nr hallows-load hogs 1 --for 800ms
done
sleep 0.3
check "cores with two of four hogs" "$(least "$pid_born1" "$pid_born2" "$pid_born3" "$pid_born4")" == 0
finish born1 born2 born3 born4

# Three of one process, whose home has two cores: the third is better off elsewhere.
case $VM_TOPO in
llc2*)
	load three hallows-load hogs 3 --for 1500ms
	sleep 1
	check "cores with two of three hogs of a process" "$(least "$pid_three")" == 0
	finish three
	;;
esac

# Two whose bursts end before a slice does, once they may leave the core where they began.
load naps hallows-load hogs 2 --cpu 0-1 --work-us 3000 --nap-us 500 --for 1s
sleep 0.3
check "cores with two who may use no other" "$(least "$pid_naps")" == 1
free naps
sleep 0.1
check "cores with two who may use any" "$(least "$pid_naps")" == 0
finish naps

# Eight fill the machine, and four of them end: those that stay were two on a core, some of them.
for turn in 1 2 3; do
	load stay hallows-load hogs 4 --for 1s
	load end hallows-load hogs 4 --for 300ms
	finish end
	sleep 0.2
	check "cores with two of four hogs, $turn" "$(least "$pid_stay")" == 0
	finish stay
done

# Who may use no other core stays, and is not sent through idle for it.
before=$(awk '/^ctxt/ {print $2}' /proc/stat)
load bound hallows-load hogs 2 --cpu 0-1 --for 1s
finish bound
after=$(awk '/^ctxt/ {print $2}' /proc/stat)
check "switches of a second in which two hogs may use one core" $((after - before)) '<' 500
totals
check "hogs that left a core, a second" "$(stat run.cores)" '>' 0
stop
clean_dmesg
