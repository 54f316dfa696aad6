#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while. usage: fuzz.sh TIME
set -euo pipefail
cd "$(dirname "$0")/.."
grep -rlE '^func Fuzz[A-Z]\w*\(' --include='*_test.go' . | sort | while read -r file; do
	grep -oE '^func Fuzz\w+' "$file" | sed 's/func //' | while read -r name; do
		echo "fuzz: $name in $(dirname "$file")"
		go test -run='^$' -fuzz="^$name\$" -fuzztime="$1" -fuzzminimizetime=1s "$(dirname "$file")"
	done
done
