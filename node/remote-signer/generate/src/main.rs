//! Makes the Rust code of the node-facing API: `casper-remote-signer-generate PROTO-ROOT OUT-FOLDER`.
//!
//! The client goes into the crate; the server side is compiled for the crate's tests only, where it is the fake agent.

use std::{env, error::Error, path::PathBuf};

const API: &str = "casper/cosigner/v1/signer.proto";

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [root, out] = args.as_slice() else {
        return Err("usage: casper-remote-signer-generate PROTO-ROOT OUT-FOLDER".into());
    };
    let files = protox::compile([API], [root])?;
    tonic_prost_build::configure()
        .out_dir(out)
        .build_transport(false)
        .server_mod_attribute("casper.cosigner.v1", "#[cfg(test)]")
        .compile_fds(files)?;
    Ok(())
}
