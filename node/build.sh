#!/usr/bin/env bash
# Puts the edits of node/casper-node-2.0.3 into the published source, outside the checkout, and does with the result:
#   source  nothing more
#   build   builds casper-node (about ten minutes on two cores; a second time: seconds) and prints where it is
#   test    runs casper-node's own tests of consensus, and ours
# crate.sh says where the source comes from and where all is kept.
set -euo pipefail
cd "$(dirname "$0")/.."

command=${1:?source, build or test}
source node/crate.sh
tree=$cache/casper-node-$version/node
export CARGO_TARGET_DIR=$cache/casper-node-$version/target

go run ./node/graft apply --table "node/casper-node-$version/edits.toml" --crate "$crate" --into "$tree"

# release builds programs, and shows casper-node's own warnings only if that fails.
release() {
	local log=$cache/casper-node-$version/build.log
	if ! cargo build --release --locked --manifest-path "$tree/Cargo.toml" "$@" 2>"$log"; then
		cat "$log" >&2
		return 1
	fi
}

case $command in
source) ;;
build)
	echo "building casper-node $version, about ten minutes the first time"
	release --bin casper-node --bin localnet-defaults
	"$CARGO_TARGET_DIR/release/casper-node" --version
	echo "built $CARGO_TARGET_DIR/release/casper-node"
	;;
test)
	# The published crate lacks the chain that its tests are written for; ours is made from the node's own defaults.
	release --bin localnet-defaults
	go run ./testnet/casperdemo --defaults "$CARGO_TARGET_DIR/release/localnet-defaults" --chain "$tree/../resources/local"
	cargo test --quiet --locked --manifest-path "$tree/Cargo.toml" --lib -- consensus:: remote_signing:: version_string
	;;
*)
	echo "unknown command $command: source, build or test" >&2
	exit 2
	;;
esac
