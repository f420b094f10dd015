# SPDX-License-Identifier: GPL-2.0-only
# The bar: message passing and the latency of a periodic task beside hogs,
# under the default scheduler and under scx_hallows by turns, in one boot.
#
# cargo xtask vm --kernel 6.18 --cpus 4 --mode vtime --timeout 900 \
#     --files target/release/scx_hallows --files target/release/hallows-load \
#     --env ROUNDS=5 -- "$(cat tools/vm/bar.sh)"

rounds=${ROUNDS:-5}
cpus=$(nproc)
out=/tmp/bar
mkdir -p $out

row() { # scheduler figure value
	echo "$3" >>"$out/$2.$1"
}

measure() {
	row "$1" hackbench_s "$(hackbench -g 10 -l 40 | awk '/^Time/ {print $2}')"
	hallows-load hogs $((cpus * 2)) --for 2500ms >/dev/null &
	hogs=$!
	sleep 0.5
	hallows-load periodic --period-us 4000 --work-us 100 --for 1500ms >$out/periodic
	wait $hogs
	for p in p50 p99; do
		row "$1" ${p}_us "$(awk -v p=$p '/^lateness/ {for (i = 1; i < NF; i++) if ($i == p) print $(i + 1)}' $out/periodic)"
	done
}

hallows() {
	scx_hallows 2>$out/log &
	pid=$!
	until [ "$(cat /sys/kernel/sched_ext/state)" = enabled ]; do
		kill -0 $pid || { cat $out/log; exit 1; }
		sleep 0.1
	done
	measure hallows
	kill -INT $pid
	wait $pid || { cat $out/log; exit 1; }
}

hackbench -g 10 -l 40 >/dev/null # warm up
for _ in $(seq "$rounds"); do
	measure default
	hallows
done

printf '%-14s %10s %10s %10s\n' figure scheduler median 'min..max'
for figure in hackbench_s p50_us p99_us; do
	for scheduler in default hallows; do
		sort -n $out/$figure.$scheduler | awk -v f=$figure -v s=$scheduler '
			{v[NR] = $1}
			END {printf "%-14s %10s %10s %s..%s\n", f, s, v[int((NR + 1) / 2)], v[1], v[NR]}'
	done
done
