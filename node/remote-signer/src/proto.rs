//! Messages in the form in which they travel. Decides nothing but lengths.

use crate::{
    answer::{Reason, Refusal},
    message::{Message, TlsPoint, ZugRound},
};

/// Made by generate.sh.
#[allow(clippy::all, missing_docs, unreachable_pub)]
pub(crate) mod v1 {
    include!("generated/casper.cosigner.v1.rs");
}

/// A request for the message. The agent adds the rest.
pub(crate) fn request(message: &Message) -> v1::SignRequest {
    use v1::sign_request::Message as Wire;
    let wire = match message {
        Message::ZugEcho { round, proposal_hash } => Wire::ZugEcho(echo(round, proposal_hash)),
        Message::ZugVote { round, value } => Wire::ZugVote(vote(round, *value)),
        Message::FinalitySignature { block_hash, block_height, era_id, chain_name_hash } => {
            Wire::FinalitySignature(v1::FinalitySignature {
                block_hash: block_hash.to_vec(),
                block_height: *block_height,
                era_id: *era_id,
                chain_name_hash: chain_name_hash.to_vec(),
            })
        }
        Message::ConsensusCertificate { combined_random, our_tls_point, their_tls_point } => {
            Wire::ConsensusCertificate(v1::ConsensusCertificate {
                combined_random: combined_random.to_vec(),
                our_tls_point: our_tls_point.to_vec(),
                their_tls_point: their_tls_point.to_vec(),
            })
        }
    };
    v1::SignRequest { message: Some(wire), ..Default::default() }
}

/// A request to register the point.
pub(crate) fn registration(point: &TlsPoint) -> v1::RegisterTlsPointRequest {
    v1::RegisterTlsPointRequest { tls_point: point.to_vec(), ..Default::default() }
}

/// What an answer says that the slot holds. The error names the field that cannot be read.
pub(crate) fn held(message: Option<v1::bound::Message>) -> Result<Message, String> {
    use v1::bound::Message as Wire;
    Ok(match message.ok_or("the answer holds no message")? {
        Wire::ZugEcho(m) => {
            Message::ZugEcho { round: round_of(m.round)?, proposal_hash: exactly(&m.proposal_hash, "proposal_hash")? }
        }
        Wire::ZugVote(m) => Message::ZugVote { round: round_of(m.round)?, value: m.value },
        Wire::FinalitySignature(m) => Message::FinalitySignature {
            block_hash: exactly(&m.block_hash, "block_hash")?,
            block_height: m.block_height,
            era_id: m.era_id,
            chain_name_hash: exactly(&m.chain_name_hash, "chain_name_hash")?,
        },
    })
}

/// The refusal with its reason, if need be one that is not known here.
pub(crate) fn refusal(refused: v1::Refused) -> Refusal {
    use v1::RefusalReason as Wire;
    let reason = match Wire::try_from(refused.reason) {
        Ok(Wire::NotActive) => Reason::NotActive,
        Ok(Wire::BelowFloor) => Reason::BelowFloor,
        Ok(Wire::TooFarAhead) => Reason::TooFarAhead,
        Ok(Wire::Malformed) => Reason::Malformed,
        Ok(Wire::Unsupported) => Reason::Unsupported,
        Ok(Wire::Suspended) => Reason::Suspended,
        Ok(Wire::NotPreferred) => Reason::NotPreferred,
        Ok(Wire::OtherInstance) => Reason::OtherInstance,
        Ok(Wire::BadRequestSignature) => Reason::BadRequestSignature,
        Ok(Wire::TlsPoint) => Reason::TlsPoint,
        Ok(Wire::TooMany) => Reason::TooMany,
        Ok(Wire::Stale) => Reason::Stale,
        Ok(Wire::Unspecified) | Err(_) => Reason::Other(refused.reason),
    };
    Refusal { reason, detail: refused.detail }
}

/// The bytes as an array of exactly their length; the error names the field.
pub(crate) fn exactly<const N: usize>(bytes: &[u8], field: &str) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("{field} has {} bytes, want {N}", bytes.len()))
}

fn echo(round: &ZugRound, proposal_hash: &[u8]) -> v1::ZugEcho {
    v1::ZugEcho { round: Some(round_to(round)), proposal_hash: proposal_hash.to_vec() }
}

fn vote(round: &ZugRound, value: bool) -> v1::ZugVote {
    v1::ZugVote { round: Some(round_to(round)), value }
}

fn round_to(round: &ZugRound) -> v1::ZugRound {
    v1::ZugRound {
        chainspec_hash: round.chainspec_hash.to_vec(),
        era_id: round.era_id,
        key_block_hash: round.key_block_hash.to_vec(),
        round_id: round.round_id,
        validator_index: round.validator_index,
    }
}

fn round_of(round: Option<v1::ZugRound>) -> Result<ZugRound, String> {
    let round = round.ok_or("the answer holds no round")?;
    Ok(ZugRound {
        chainspec_hash: exactly(&round.chainspec_hash, "chainspec_hash")?,
        era_id: round.era_id,
        key_block_hash: exactly(&round.key_block_hash, "key_block_hash")?,
        round_id: round.round_id,
        validator_index: round.validator_index,
    })
}
