#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other (go test takes one at a time).
set -euo pipefail

fuzztime=$1
go=${GO:-go}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# go test -list prints the names of a package's targets and then its "ok" line.
"$go" test -list '^Fuzz' ./... >"$log"
targets=$(awk '/^Fuzz/ { names[n++] = $1 } /^ok/ { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }' "$log")
if [ -z "$targets" ]; then
	echo "no fuzz target found" >&2
	exit 1
fi

count=0
while read -r package name; do
	echo "--- $package $name"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" -fuzzminimizetime 5s "$package" </dev/null
	count=$((count + 1))
done <<<"$targets"
echo "fuzzed $count targets for $fuzztime each"
