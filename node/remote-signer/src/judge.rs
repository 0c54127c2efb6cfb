//! Whether to believe an answer. The agent and the cosigners are ours, but a signature that is not valid would have the
//! node thrown out by its peers, and a value of another slot would be a lie to itself.

use ed25519_dalek::VerifyingKey;

use crate::{
    answer::Answer,
    message::{Message, Signature},
    proto::{self, v1},
};

/// The answer to `asked`, or why it cannot be believed.
pub(crate) fn judge(key: &VerifyingKey, asked: &Message, response: v1::SignResponse) -> Result<Answer, String> {
    use v1::sign_response::Answer as Wire;
    match response.answer.ok_or("the response holds no answer")? {
        Wire::Signed(signed) => Ok(Answer::Signed(verified(key, asked, &signed.signature)?)),
        Wire::Bound(bound) => {
            let message = proto::held(bound.message)?;
            if !asked.same_slot(&message) {
                return Err(format!("it says that {asked} holds what belongs to {message}"));
            }
            if *asked == message {
                return Err("it says that the slot holds another value, and names the one that was asked for".into());
            }
            let signature = verified(key, &message, &bound.signature)?;
            Ok(Answer::Bound { message, signature })
        }
        Wire::Refused(refused) => Ok(Answer::Refused(proto::refusal(refused))),
    }
}

/// casper-types verifies with `verify_strict` too (asymmetric_key.rs).
fn verified(key: &VerifyingKey, message: &Message, signature: &[u8]) -> Result<Signature, String> {
    let signature: Signature = proto::exactly(signature, "signature")?;
    key.verify_strict(&message.sign_bytes(), &ed25519_dalek::Signature::from_bytes(&signature))
        .map_err(|_| "its signature is wrong: not of this message, or not by the configured public key".to_owned())?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answer::{Reason, Refusal},
        fake::{self, bound, echo, finality, handshake, public_key, refused, sign, signed, vote},
    };

    fn judged(asked: &Message, response: v1::SignResponse) -> Result<Answer, String> {
        judge(&VerifyingKey::from_bytes(&public_key()).unwrap(), asked, response)
    }

    #[test]
    fn believed() {
        for asked in [echo(1, 1), vote(1, true), finality(1, 1), handshake(1)] {
            assert_eq!(judged(&asked, signed(&asked)), Ok(Answer::Signed(sign(&asked))));
        }
        for (asked, message) in
            [(echo(1, 1), echo(1, 2)), (vote(1, true), vote(1, false)), (finality(1, 1), finality(1, 2))]
        {
            let signature = sign(&message);
            assert_eq!(judged(&asked, bound(&message)), Ok(Answer::Bound { message, signature }));
        }
        for (number, reason) in
            [(0, Reason::Other(0)), (1, Reason::NotActive), (10, Reason::TlsPoint), (99, Reason::Other(99))]
        {
            let want = Answer::Refused(Refusal { reason, detail: "why".into() });
            assert_eq!(judged(&echo(1, 1), refused(number, "why")), Ok(want));
        }
    }

    #[test]
    fn not_believed() {
        let mut short = signed(&echo(1, 1));
        if let Some(v1::sign_response::Answer::Signed(signed)) = &mut short.answer {
            signed.signature.pop();
        }
        let mut forged = bound(&echo(1, 2));
        if let Some(v1::sign_response::Answer::Bound(bound)) = &mut forged.answer {
            bound.signature = sign(&echo(1, 1)).to_vec();
        }
        let mut cut = bound(&echo(1, 2));
        if let Some(v1::sign_response::Answer::Bound(bound)) = &mut cut.answer {
            if let Some(v1::bound::Message::ZugEcho(echo)) = &mut bound.message {
                echo.proposal_hash.pop();
            }
        }
        for (response, why) in [
            (signed(&echo(1, 2)), "signature is wrong"),
            (fake::signed_by_another(&echo(1, 1)), "signature is wrong"),
            (short, "signature has 63 bytes"),
            (forged, "signature is wrong"),
            (cut, "proposal_hash has 31 bytes"),
            (bound(&echo(1, 1)), "names the one that was asked for"),
            (bound(&echo(2, 2)), "belongs to echo era 12 round 2"),
            (bound(&vote(1, true)), "belongs to vote"),
            (bound(&finality(1, 1)), "belongs to finality"),
            (v1::SignResponse::default(), "no answer"),
        ] {
            let got = judged(&echo(1, 1), response);
            assert!(matches!(&got, Err(text) if text.contains(why)), "want {why:?}, got {got:?}");
        }
    }
}
