#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The plugin on another scheduler: builds the published crate of scx_bpfland, its BPF half laid
# out by the hints in its source, says how many functions that changes (docs/layout.md: a gain
# takes a profile), and lets a VM schedule by it. Nothing of scx_bpfland is changed but the compiler: BPF_CLANG names a program
# that adds the plugin to clang-22's arguments.
#
#   docs/bpfland.sh [FOLDER]    into FOLDER, target/bpfland if there is none
set -eu

cd "$(dirname "$0")/.."
out=${1:-target/bpfland}
mkdir -p "$out"
out=$(cd "$out" && pwd)

cargo build --release --package hallows-llvm
cat >"$out/clang" <<END
#!/bin/sh
exec clang-22 -fpass-plugin=$PWD/target/release/libhallows_llvm.so "\$@"
END
chmod +x "$out/clang"

rm -f "$out/report.jsonl"
# --force: one that was built before has left no report.
BPF_CLANG=$out/clang HALLOWS_PASS=layout,report HALLOWS_REPORT=$out/report.jsonl \
	cargo install --locked --force --root "$out" --target-dir "$out/target" --version =1.1.4 scx_bpfland
moved=$(grep -vc '"moved":0,' "$out/report.jsonl" || :)
echo "functions that the plugin saw: $(wc -l <"$out/report.jsonl"), in another order: $moved"

cargo xtask vm --kernel 6.18 --cpus 4 --files "$out/bin/scx_bpfland" -- '
scx_bpfland >/tmp/log 2>&1 &
pid=$!
tries=0
until [ "$(cat /sys/kernel/sched_ext/state)" = enabled ]; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] && kill -0 $pid || { cat /tmp/log; exit 1; }
	sleep 0.1
done
hackbench -g 4 -l 100
cat /sys/kernel/sched_ext/root/ops
[ "$(cat /sys/kernel/sched_ext/state)" = enabled ] || { cat /tmp/log; exit 1; }
kill -INT $pid
wait $pid
echo "it scheduled, and ended"'
