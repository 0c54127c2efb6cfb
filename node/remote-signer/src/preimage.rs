//! The bytes that casper-node signs. Checked against what a real node signed in tests/recorded.rs.

use blake2::{digest::consts::U32, Blake2b, Digest};
use sha2::Sha512;

use crate::message::{Hash, TlsPoint, ZugRound};

/// bincode's variants of Zug's `Content`.
const ECHO: u32 = 0;
const VOTE: u32 = 1;

/// era_supervisor.rs, `instance_id`.
pub(crate) fn instance_id(round: &ZugRound) -> Hash {
    let era = blake2b(&[&round.chainspec_hash, &round.era_id.to_le_bytes()]);
    blake2b(&[&round.key_block_hash, &era])
}

pub(crate) fn echo(round: &ZugRound, proposal_hash: &Hash) -> Hash {
    zug(round, &[&ECHO.to_le_bytes(), &LENGTH, proposal_hash])
}

pub(crate) fn vote(round: &ZugRound, value: bool) -> Hash {
    zug(round, &[&VOTE.to_le_bytes(), &[u8::from(value)]])
}

/// casper-types serialises a digest as a slice, so bincode puts its length before it.
const LENGTH: [u8; 8] = 32u64.to_le_bytes();

/// zug/message.rs hashes the fixed-width little-endian bincode of (round id, instance id, content, validator index).
fn zug(round: &ZugRound, content: &[&[u8]]) -> Hash {
    let (id, instance) = (round.round_id.to_le_bytes(), round.instance_id());
    let index = round.validator_index.to_le_bytes();
    let head: [&[u8]; 3] = [&id, &LENGTH, &instance];
    blake2b(&[&head, content, &[&index]].concat())
}

/// finality_signature_v2.rs (casper-types): these 80 bytes are signed unhashed.
pub(crate) fn finality(block: &Hash, height: u64, era: u64, chain_name: &Hash) -> Vec<u8> {
    [block.as_slice(), &height.to_le_bytes(), &era.to_le_bytes(), chain_name].concat()
}

/// network/counting_format.rs, `ConnectionId`. It is the same from both ends.
pub(crate) fn connection_id(random: &[u8; 12], ours: &TlsPoint, theirs: &TlsPoint) -> Hash {
    let mut id = blake2b(&[random]);
    for point in [ours, theirs] {
        // A node's identity is the SHA-512 of its point (tls.rs); the first half is used.
        for (byte, part) in id.iter_mut().zip(Sha512::digest(point)) {
            *byte ^= part;
        }
    }
    id
}

fn blake2b(parts: &[&[u8]]) -> Hash {
    let mut hash = Blake2b::<U32>::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
