#!/usr/bin/env bash
# Makes the Rust code of ../../proto in a temporary folder; then puts it in place (write) or compares it with what is
# committed (check). Needs cargo, but no protoc.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
committed=$here/src/generated
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cargo run --quiet --locked --manifest-path "$here/generate/Cargo.toml" -- "$here/../../proto" "$out"

case ${1:-} in
write)
	rm -f "$committed"/*.rs
	mkdir -p "$committed"
	cp "$out"/*.rs "$committed"
	;;
check)
	if ! diff -ru "$committed" "$out"; then
		echo "generated code is not up to date: run node/remote-signer/generate.sh write and commit the result" >&2
		exit 1
	fi
	echo "generated code is up to date"
	;;
*)
	echo "usage: $0 write|check" >&2
	exit 2
	;;
esac
