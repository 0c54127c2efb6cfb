# What build.sh and stock.sh have in common: which casper-node, where it is kept, and how it comes there.
# CASPER_CACHE says where (default ~/.cache/casper-cosigner). The source is brought by the ordinary cargo client.
# shellcheck shell=bash

version=2.0.3
cache=${CASPER_CACHE:-$HOME/.cache/casper-cosigner}

if ! command -v cargo >/dev/null; then
	echo "cargo is missing: install Rust, tried with 1.95 (https://rustup.rs)" >&2
	exit 1
fi

# fetch has cargo download the crate, and all that it is built from.
fetch() {
	local manifest=$cache/fetch/Cargo.toml
	mkdir -p "$cache/fetch"
	printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[dependencies]\ncasper-node = "=%s"\n' "$version" >"$manifest"
	: >"$cache/fetch/lib.rs"
	cargo fetch --quiet --manifest-path "$manifest"
}

# fetched prints where cargo keeps the crate. On a new machine cargo has no folder for it yet.
fetched() {
	find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "casper-node-$version.crate" 2>/dev/null | head -n 1 || true
}

crate=$(fetched)
if [ -z "$crate" ]; then
	fetch
	crate=$(fetched)
fi
