#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod answer;
mod backoff;
mod client;
mod error;
#[cfg(test)]
mod fake;
mod judge;
mod message;
mod preimage;
mod proto;
mod worker;

pub use answer::{Answer, Reason, Refusal};
pub use client::{Config, Signer};
pub use error::Error;
pub use message::{Hash, Message, Signature, TlsPoint, ZugRound};
