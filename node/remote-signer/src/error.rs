//! The one error type.

use std::{error, fmt, io, path::PathBuf};

use crate::answer::Refusal;

/// Why the signer cannot be started, or a TLS point is not registered.
#[derive(Debug)]
pub enum Error {
    /// The public key is not a usable Ed25519 key.
    PublicKey,
    /// The socket's path is empty or not Unicode.
    Socket(PathBuf),
    /// The signer's thread or its runtime cannot be made.
    Thread(io::Error),
    /// The registration was refused.
    Refused(Refusal),
    /// Whether the point is registered is not known. To register it again is always safe.
    Unavailable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::PublicKey => f.write_str("the public key is not a usable Ed25519 key"),
            Error::Socket(path) => write!(f, "{:?} cannot be the path of the agent's socket", path),
            Error::Thread(_) => f.write_str("starting the signer's thread"),
            Error::Refused(refusal) => write!(f, "refused, {refusal}"),
            Error::Unavailable(text) => write!(f, "unavailable: {text}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Error::Thread(err) => Some(err),
            _ => None,
        }
    }
}
