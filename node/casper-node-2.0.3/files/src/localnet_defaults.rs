//! Prints the node's own defaults as one JSON object with the keys `config` and `chainspec`.
//!
//! A test network starts from them instead of from a copy of a template, so that they are always those of the version
//! which was built. Nothing is mended here: what the parsers do not take back, and what no network could run with, is
//! for the reader (testnet/localnet) to change.

use std::{error::Error, io};

use casper_node::{utils::External, MainReactorConfig};
use casper_types::Chainspec;
use serde::Serialize;

#[derive(Serialize)]
struct Defaults {
    config: MainReactorConfig,
    chainspec: Chainspec,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = MainReactorConfig::default();
    // Its default is "missing", which cannot be serialised.
    config.consensus.secret_key_path = External::Path("secret_key.pem".into());
    let defaults = Defaults {
        config,
        chainspec: Chainspec::default(),
    };
    serde_json::to_writer_pretty(io::stdout().lock(), &defaults)?;
    println!();
    Ok(())
}
