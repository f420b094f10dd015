# SPDX-License-Identifier: GPL-2.0-only
# One round of `scx_hallows bench` with $ARGUMENTS, for `cargo xtask bench`. Prints
# report.json after a line that begins with "===", and what each scheduler that
# failed said last.

out=$(mktemp -d)
for peer in /vm/peers/*; do
	PATH=$PATH:$peer
done
# Words, of which there are several.
# shellcheck disable=SC2086
scx_hallows bench --noisy-ok --rounds 1 --out "$out" $ARGUMENTS >"$out/table" 2>"$out/words"
status=$?
if [ $status != 0 ]; then
	cat "$out/words"
	exit $status
fi
for log in "$out"/*.log; do
	[ -e "$log" ] && echo "$(basename "$log") ends with: $(tail -n 1 "$log")"
done
echo "=== report"
cat "$out/report.json"
echo "==="
