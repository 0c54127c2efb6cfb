//! Signs with real cosigners: three of them and an agent, as processes, made by the program's own commands.

mod program;
mod recording;

use std::time::{Duration, Instant};

use casper_remote_signer::{Answer, Config, Error, Message, Reason, Refusal, Signer};
use program::Cluster;
use recording::Recording;

/// A casper-node's own deadline for a Zug message, and how long a slot may take in all, whatever was killed.
const DEADLINE: Duration = Duration::from_millis(250);
const ANSWERED: Duration = Duration::from_secs(20);

#[test]
fn signs_and_keeps_signing() {
    let recording = recording::read();
    let mut cluster = Cluster::make();
    // The signer is there before the agent is.
    let signer = start(&cluster, &recording);
    assert!(matches!(signer.sign(&recording.entries[0].message, DEADLINE), Answer::Unavailable(_)));
    cluster.start();
    cluster.ready();

    let (zug, handshakes) = split(&recording);
    let (before, after) = zug.split_at(zug.len() / 2);
    for message in before {
        assert!(matches!(until(&signer, message), Answer::Signed(_)), "{message}");
    }
    for message in before {
        assert_bound(&signer, message);
    }
    certificates(&signer, &handshakes);

    cluster.kill_leader();
    for message in after {
        assert!(matches!(until(&signer, message), Answer::Signed(_)), "{message}");
    }
    for message in zug.iter() {
        assert_bound(&signer, message);
    }

    cluster.restart_agent();
    assert!(matches!(until(&signer, &zug[0]), Answer::Signed(_)));
    assert_eq!(signer.answers_not_believed(), 0);
}

fn start(cluster: &Cluster, recording: &Recording) -> Signer {
    Signer::start(Config { socket: cluster.socket(), public_key: recording.public_key }).unwrap()
}

/// The first requests of the recording that fill slots, and its handshakes.
fn split(recording: &Recording) -> (Vec<Message>, Vec<Message>) {
    let (handshakes, slots): (Vec<_>, Vec<_>) = recording
        .entries
        .iter()
        .map(|entry| entry.message.clone())
        .partition(|message| matches!(message, Message::ConsensusCertificate { .. }));
    (slots.into_iter().take(40).collect(), handshakes)
}

/// Asks until there is a signature, as a node that retries.
fn until(signer: &Signer, message: &Message) -> Answer {
    let start = Instant::now();
    loop {
        match signer.sign(message, DEADLINE) {
            Answer::Refused(Refusal { reason: Reason::TooFarAhead, .. }) | Answer::Unavailable(_)
                if start.elapsed() < ANSWERED =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

/// Another value for the slot brings back the first one; the signer has verified its signature.
fn assert_bound(signer: &Signer, first: &Message) {
    let mut other = first.clone();
    match &mut other {
        Message::ZugEcho { proposal_hash: hash, .. } | Message::FinalitySignature { block_hash: hash, .. } => {
            hash[0] ^= 1
        }
        Message::ZugVote { value, .. } => *value = !*value,
        Message::ConsensusCertificate { .. } => unreachable!("it fills no slot"),
    }
    match until(signer, &other) {
        Answer::Bound { message, .. } => assert_eq!(message, *first),
        answer => panic!("{first} is signed, another value got {answer:?}"),
    }
}

/// Certificates are signed for the registered TLS point only.
fn certificates(signer: &Signer, handshakes: &[Message]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sign = |message: &Message| runtime.block_on(signer.sign_async(message.clone(), ANSWERED));
    let Some(Message::ConsensusCertificate { our_tls_point, their_tls_point, .. }) = handshakes.first() else {
        panic!("the recording has no handshake");
    };
    let register = |point| runtime.block_on(signer.register_tls_point(point, ANSWERED));
    let refused = sign(&handshakes[0]);
    assert!(matches!(&refused, Answer::Refused(refusal) if refusal.reason == Reason::TlsPoint), "{refused:?}");
    register(*our_tls_point).unwrap();
    for message in handshakes {
        let mut message = message.clone();
        if let Message::ConsensusCertificate { our_tls_point: ours, their_tls_point: theirs, .. } = &mut message {
            (*ours, *theirs) = (*our_tls_point, *their_tls_point);
        }
        let answer = sign(&message);
        assert!(matches!(answer, Answer::Signed(_)), "{answer:?}");
    }
    let off_curve = register([2; 67]);
    assert!(matches!(&off_curve, Err(Error::Refused(refusal)) if refusal.is_final()), "{off_curve:?}");
}
