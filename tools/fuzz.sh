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

# fuzz PACKAGE TARGET
fuzz() { "$go" test -run '^$' -fuzz "^$2\$" -fuzztime "$fuzztime" -fuzzminimizetime 5s "$1" </dev/null; }

count=0
while read -r package name; do
	echo "--- $package $name"
	if ! fuzz "$package" "$name" | tee "$log"; then
		# Go before 1.27 now and then takes the end of fuzztime for a failure (golang/go#75804). A real one names its input.
		if ! grep -q '^ *context deadline exceeded$' "$log" || grep -q 'Failing input' "$log"; then exit 1; fi
		echo "--- $package $name, once more"
		fuzz "$package" "$name"
	fi
	count=$((count + 1))
done <<<"$targets"
echo "fuzzed $count targets for $fuzztime each"
