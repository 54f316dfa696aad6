#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while, politely. usage: fuzz.sh TIME [TARGET]; FUZZJOBS is how many workers each has.
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz[A-Z]\w*\(' --include='*_test.go' . | sort | while read -r file; do
	grep -oE '^func Fuzz\w+' "$file" | sed 's/func //' | while read -r name; do
		[ $# -lt 2 ] || [ "$name" = "$2" ] || continue
		echo "fuzz: $name in $(dirname "$file")"
		nice -n 10 go test -run='^$' -parallel="${FUZZJOBS:-$(nproc)}" -fuzz="^$name\$" -fuzztime="$1" -fuzzminimizetime=1s "$(dirname "$file")"
	done
done
