//! What a real casper-node 2.0.3 signed: the bytes must be the same, and its signatures must be valid over them.

mod recording;

use casper_remote_signer::Message;
use ed25519_dalek::{Signature, VerifyingKey};

#[test]
fn sign_bytes_and_signatures() {
    let recording = recording::read();
    let key = VerifyingKey::from_bytes(&recording.public_key).unwrap();
    let mut kinds = [0; 4];
    for (line, entry) in (1..).zip(&recording.entries) {
        let bytes = entry.message.sign_bytes();
        assert_eq!(bytes, entry.signed_bytes, "line {line}");
        assert!(key.verify_strict(&bytes, &Signature::from_bytes(&entry.signature)).is_ok(), "line {line}");
        if let (Message::ZugEcho { round, .. } | Message::ZugVote { round, .. }, Some(instance)) =
            (&entry.message, entry.instance_id)
        {
            assert_eq!(round.instance_id(), instance, "line {line}");
        }
        kinds[match entry.message {
            Message::ZugEcho { .. } => 0,
            Message::ZugVote { .. } => 1,
            Message::FinalitySignature { .. } => 2,
            Message::ConsensusCertificate { .. } => 3,
        }] += 1;
    }
    assert!(kinds.iter().all(|&count| count > 0), "the recording has all kinds: {kinds:?}");
}
