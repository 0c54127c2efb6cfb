#!/usr/bin/env bash
# Builds casper-node as published, without an edit of ours, for tests beside the node that a launcher installs:
#   build  builds it (about ten minutes on two cores; a second time: at once) and prints where it is
#   check  holds the source against the published crate, file by file, and the program against the hash of its build
# crate.sh says where the source comes from and where all is kept.
#
# Nothing of ours is linked but one symbol that compilers from 1.89 on lack, __rust_probestack: it comes as an object by the
# linker's command line, so that neither the source nor Cargo.lock changes.
set -euo pipefail
cd "$(dirname "$0")/.."

command=${1:?build or check}
source node/crate.sh
# What the registry's index says of the crate; the edits of node/casper-node-2.0.3 begin with the same one.
hash=238c8c69a99d51ddc990693d6dc6218b756ae6b7b1a8caf28582a2aeac309168
home=$cache/casper-node-$version-stock
tree=$home/node
program=$home/target/release/casper-node
stamp=$home/built
symbol=node/casper-node-$version/files/src/probestack.rs

# genuine fails if cargo's copy of the crate is not the published one.
genuine() { echo "$hash  $crate" | sha256sum --check --quiet; }

# unpack puts the published source there, and nothing besides.
unpack() {
	rm -rf "$1"
	mkdir -p "$1"
	tar -xzf "$crate" -C "$1" --strip-components=1
}

# untouched fails if the source that was built is not the published one.
untouched() {
	genuine
	unpack "$home/published"
	diff -r "$home/published" "$tree"
	rm -rf "$home/published"
}

# stamped prints what a build is made of, and the program's hash.
stamped() {
	echo "crate $hash"
	echo "$symbol $(sha256sum <"$symbol")"
	echo "program $(sha256sum <"$program")"
}

# unchanged reports whether the program is the one that was built last, of these parts.
unchanged() { [ -f "$program" ] && [ -f "$stamp" ] && [ "$(stamped)" = "$(cat "$stamp")" ]; }

build() {
	genuine
	unpack "$tree"
	rustc --crate-type lib --edition 2021 --emit "obj=$home/probestack.o" "$symbol"
	# In a folder of its own: cargo takes the node with our edits for the same package, and would use what it built of that.
	if ! CARGO_TARGET_DIR=$home/target \
		cargo rustc --release --locked --manifest-path "$tree/Cargo.toml" --bin casper-node -- \
		-C "link-arg=$home/probestack.o" 2>"$home/build.log"; then
		cat "$home/build.log" >&2
		exit 1
	fi
	untouched
	stamped >"$stamp"
}

case $command in
build)
	if ! unchanged; then
		echo "building casper-node $version as published, about ten minutes the first time"
		build
	fi
	"$program" --version
	echo "built $program"
	;;
check)
	untouched
	if ! unchanged; then
		echo "$program is not what $0 built of this source: build it again" >&2
		exit 1
	fi
	;;
*)
	echo "unknown command $command: build or check" >&2
	exit 2
	;;
esac
