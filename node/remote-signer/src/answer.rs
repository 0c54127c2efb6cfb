//! What comes back.

use std::fmt;

use crate::message::{Message, Signature};

/// What became of a request. Every signature in it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Answer {
    /// The message is signed.
    Signed(Signature),
    /// The slot holds another value, and will forever. Use that one, with its signature.
    Bound {
        /// What the slot holds: of the same kind and slot as what was asked for.
        message: Message,
        /// The signature of `message`.
        signature: Signature,
    },
    /// Nothing was signed.
    Refused(Refusal),
    /// Nothing is known, for the reason that the text gives: the message may be signed already, or never. To ask for the
    /// same again is always safe.
    Unavailable(String),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub reason: Reason,
    /// For people.
    pub detail: String,
}

impl Refusal {
    /// Whether asking for the same again is pointless.
    pub fn is_final(&self) -> bool {
        use Reason::{BadRequestSignature, BelowFloor, Malformed, OtherInstance, Unsupported};
        matches!(self.reason, BelowFloor | Malformed | Unsupported | OtherInstance | BadRequestSignature)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.reason, self.detail)
    }
}

/// Reason of a refusal, as in signer.proto.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fenced mode, and another node is active.
    NotActive,
    /// The era or height is below the floor. Final.
    BelowFloor,
    /// The era or height is further ahead than the chain can be by now.
    TooFarAhead,
    /// The request cannot be read. Final.
    Malformed,
    /// The kind of message, or the chain, is not served. Final.
    Unsupported,
    /// An operator suspended this node.
    Suspended,
    /// The preferred node has not asked this far yet.
    NotPreferred,
    /// This node already uses another instance or validator index in this era. Final.
    OtherInstance,
    /// The request is not signed by the node that it names. Final.
    BadRequestSignature,
    /// The TLS point is not registered for this node, or is held by another.
    TlsPoint,
    /// Too many requests of this kind.
    TooMany,
    /// The request does not say when it was made, or the log has gone on too far since.
    Stale,
    /// A reason that this version does not know, by its number.
    Other(i32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_reasons() {
        use Reason::*;
        let ends = |reason| Refusal { reason, detail: String::new() }.is_final();
        for reason in [BelowFloor, Malformed, Unsupported, OtherInstance, BadRequestSignature] {
            assert!(ends(reason), "{reason:?}");
        }
        for reason in [NotActive, TooFarAhead, Suspended, NotPreferred, TlsPoint, TooMany, Stale, Other(99)] {
            assert!(!ends(reason), "{reason:?}");
        }
    }
}
