#!/usr/bin/env bash
# Makes the Go code of proto/ in a temporary folder; then puts it in place (write) or compares it with what is
# committed (check). Files whose .proto is gone are removed, or reported.
set -euo pipefail

mode=$1
read -ra buf <<<"$2"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"${buf[@]}" generate -o "$out"
generated=$(cd "$out/proto" && find . -name '*.pb.go' | sort)
committed=$(cd proto && find . -name '*.pb.go' | sort)

case $mode in
write)
	find proto -name '*.pb.go' -delete
	cp -r "$out/proto/." proto/
	echo "$generated"
	;;
check)
	stale=0
	diff <(echo "$committed") <(echo "$generated") || stale=1
	for file in $generated; do
		if [ -f "proto/$file" ]; then
			diff -u "proto/$file" "$out/proto/$file" || stale=1
		fi
	done
	if [ "$stale" -ne 0 ]; then
		echo "generated code is not up to date: run make generate and commit the result" >&2
		exit 1
	fi
	echo "generated code is up to date: $(wc -l <<<"$generated") files"
	;;
*)
	echo "usage: $0 write|check BUF" >&2
	exit 2
	;;
esac
