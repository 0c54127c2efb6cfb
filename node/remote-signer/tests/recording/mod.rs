//! Reads ../../testdata/node-1.jsonl: everything that one real node signed, one JSON object a line.

use std::{fs, path::PathBuf};

use casper_remote_signer::{Hash, Message, Signature, ZugRound};
use serde_json::Value;

/// One message, with what the node signed for it.
#[allow(dead_code)] // each test uses a part
pub struct Entry {
    pub message: Message,
    pub signed_bytes: Vec<u8>,
    pub instance_id: Option<Hash>,
    pub signature: Signature,
}

/// All that the node signed, in its order.
pub struct Recording {
    pub public_key: [u8; 32],
    pub entries: Vec<Entry>,
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Reads the recording.
pub fn read() -> Recording {
    let text = fs::read_to_string(root().join("testdata/node-1.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let public_key = tagged(&lines[0]["public_key"]);
    Recording { public_key, entries: lines.iter().map(entry).collect() }
}

fn entry(line: &Value) -> Entry {
    Entry {
        message: message(line),
        signed_bytes: unhex(&line["signed_bytes"]),
        instance_id: line.get("instance_id").map(bytes),
        signature: tagged(&line["signature"]),
    }
}

fn message(line: &Value) -> Message {
    let number = |name: &str| line[name].as_u64().unwrap();
    let round = || ZugRound {
        chainspec_hash: bytes(&line["chainspec_hash"]),
        era_id: number("era_id"),
        key_block_hash: bytes(&line["key_block_hash"]),
        round_id: number("round_id").try_into().unwrap(),
        validator_index: number("validator_index").try_into().unwrap(),
    };
    match (line["kind"].as_str().unwrap(), line.get("vote")) {
        ("zug", Some(value)) => Message::ZugVote { round: round(), value: value.as_bool().unwrap() },
        ("zug", None) => Message::ZugEcho { round: round(), proposal_hash: bytes(&line["echo"]) },
        ("finality_v2", _) => Message::FinalitySignature {
            block_hash: bytes(&line["block_hash"]),
            block_height: number("block_height"),
            era_id: number("era_id"),
            chain_name_hash: bytes(&line["chain_name_hash"]),
        },
        ("consensus_certificate", _) => Message::ConsensusCertificate {
            combined_random: bytes(&line["combined_random"]),
            our_tls_point: bytes(&line["our_tls_point"]),
            their_tls_point: bytes(&line["their_tls_point"]),
        },
        (kind, _) => panic!("unknown kind {kind}"),
    }
}

/// Bytes behind casper-types' tag byte for Ed25519.
fn tagged<const N: usize>(text: &Value) -> [u8; N] {
    let bytes = unhex(text);
    assert_eq!(bytes[0], 1, "{text}");
    bytes[1..].try_into().unwrap()
}

fn bytes<const N: usize>(text: &Value) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap().as_bytes();
    let digit = |b: u8| (b as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
