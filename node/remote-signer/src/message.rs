//! What can be asked for.

use std::fmt;

use crate::preimage;

/// A BLAKE2b-256 digest: the hash of everything in Casper but TLS identities.
pub type Hash = [u8; 32];

/// An Ed25519 signature, R and S, without casper-types' tag byte.
pub type Signature = [u8; 64];

/// A node's TLS key: a P-521 point in compressed form.
pub type TlsPoint = [u8; 67];

/// The consensus round that a Zug message belongs to. The first three fields make the instance id; they are sent instead
/// of it so that the cosigners can tell which era the signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ZugRound {
    /// Hash of the chainspec that the era runs under.
    pub chainspec_hash: Hash,
    /// Era number.
    pub era_id: u64,
    /// Hash of the switch block before the era.
    pub key_block_hash: Hash,
    /// Round within the era, from 0.
    pub round_id: u32,
    /// Our index among the era's validators.
    pub validator_index: u32,
}

impl ZugRound {
    /// Name of the era's Zug instance, as casper-node computes it (era_supervisor.rs, `instance_id`).
    pub fn instance_id(&self) -> Hash {
        preimage::instance_id(self)
    }
}

/// One thing that a validator signs. There is no other: raw bytes cannot be asked for, because Casper has no domain
/// separation and 32 bytes may as well be a transfer of the validator's money.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Zug's Echo of a proposal.
    ZugEcho {
        /// The round.
        round: ZugRound,
        /// Hash of the proposal.
        proposal_hash: Hash,
    },
    /// Zug's Vote to commit a round or to skip it.
    ZugVote {
        /// The round.
        round: ZugRound,
        /// True to commit.
        value: bool,
    },
    /// A finality signature, version 2.
    FinalitySignature {
        /// Hash of the block.
        block_hash: Hash,
        /// Its height.
        block_height: u64,
        /// Its era.
        era_id: u64,
        /// BLAKE2b-256 of the chain name.
        chain_name_hash: Hash,
    },
    /// The certificate that a validator presents in a node-to-node handshake.
    ConsensusCertificate {
        /// Server random XOR client random.
        combined_random: [u8; 12],
        /// Our end's TLS key. It must have been registered ([`Signer::register_tls_point`](crate::Signer::register_tls_point)).
        our_tls_point: TlsPoint,
        /// The other end's TLS key.
        their_tls_point: TlsPoint,
    },
}

impl Message {
    /// The exact bytes that Ed25519 signs: a 32-byte hash for an Echo, a Vote and a certificate, 80 raw bytes for a
    /// finality signature.
    pub fn sign_bytes(&self) -> Vec<u8> {
        match self {
            Message::ZugEcho { round, proposal_hash } => preimage::echo(round, proposal_hash).to_vec(),
            Message::ZugVote { round, value } => preimage::vote(round, *value).to_vec(),
            Message::FinalitySignature { block_hash, block_height, era_id, chain_name_hash } => {
                preimage::finality(block_hash, *block_height, *era_id, chain_name_hash)
            }
            Message::ConsensusCertificate { combined_random, our_tls_point, their_tls_point } => {
                preimage::connection_id(combined_random, our_tls_point, their_tls_point).to_vec()
            }
        }
    }

    /// Whether both fill the same slot, of which a validator may sign one value only. A certificate fills none.
    pub(crate) fn same_slot(&self, other: &Message) -> bool {
        use Message::{FinalitySignature, ZugEcho, ZugVote};
        match (self, other) {
            (ZugEcho { round: a, .. }, ZugEcho { round: b, .. }) => a == b,
            (ZugVote { round: a, .. }, ZugVote { round: b, .. }) => a == b,
            (
                FinalitySignature { block_height: a, chain_name_hash: chain_a, .. },
                FinalitySignature { block_height: b, chain_name_hash: chain_b, .. },
            ) => a == b && chain_a == chain_b,
            _ => false,
        }
    }

    pub(crate) fn is_handshake(&self) -> bool {
        matches!(self, Message::ConsensusCertificate { .. })
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Message::ZugEcho { .. } => "echo",
            Message::ZugVote { .. } => "vote",
            Message::FinalitySignature { .. } => "finality",
            Message::ConsensusCertificate { .. } => "handshake",
        }
    }
}

/// Names the slot, for logs: `echo era 12 round 3 instance 7d9f81ac/2`, `finality height 266`, `handshake`.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Message::ZugEcho { round, .. } | Message::ZugVote { round, .. } => {
                let [a, b, c, d, ..] = round.instance_id();
                let instance = u32::from_be_bytes([a, b, c, d]);
                let ZugRound { era_id, round_id, validator_index, .. } = round;
                write!(f, " era {era_id} round {round_id} instance {instance:08x}/{validator_index}")
            }
            Message::FinalitySignature { block_height, .. } => write!(f, " height {block_height}"),
            Message::ConsensusCertificate { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{echo, finality, handshake, vote};

    #[test]
    fn slots() {
        let at = |change: fn(&mut ZugRound)| {
            let Message::ZugEcho { mut round, proposal_hash } = echo(1, 1) else { unreachable!() };
            change(&mut round);
            Message::ZugEcho { round, proposal_hash }
        };
        for (a, b, same) in [
            (echo(1, 1), echo(1, 2), true),
            (echo(1, 1), at(|r| r.round_id += 1), false),
            (echo(1, 1), at(|r| r.era_id += 1), false),
            (echo(1, 1), at(|r| r.validator_index += 1), false),
            (echo(1, 1), at(|r| r.chainspec_hash[0] ^= 1), false),
            (echo(1, 1), at(|r| r.key_block_hash[0] ^= 1), false),
            (echo(1, 1), vote(1, true), false),
            (vote(1, true), vote(1, false), true),
            (vote(1, true), vote(2, true), false),
            (finality(1, 1), finality(1, 2), true),
            (finality(1, 1), finality(2, 1), false),
            (handshake(1), handshake(1), false),
        ] {
            assert_eq!(a.same_slot(&b), same, "{a:?} {b:?}");
            assert_eq!(b.same_slot(&a), same, "{b:?} {a:?}");
        }
    }

    #[test]
    fn another_chain_is_another_slot() {
        let mut other = finality(1, 2);
        if let Message::FinalitySignature { chain_name_hash, .. } = &mut other {
            chain_name_hash[0] ^= 1;
        }
        assert!(!finality(1, 1).same_slot(&other));
    }

    #[test]
    fn names_of_slots() {
        let name = echo(3, 1).to_string();
        assert!(name.starts_with("echo era 12 round 3 instance ") && name.ends_with("/2"), "{name}");
        assert_eq!(finality(266, 1).to_string(), "finality height 266");
        assert_eq!(handshake(1).to_string(), "handshake");
    }
}
