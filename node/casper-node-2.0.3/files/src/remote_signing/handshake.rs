//! Handshake certificates by remote signing, and what is done without one.
//!
//! Peers send consensus messages to those who showed a certificate when the connection was made, and a connection may
//! last for months. So one that was made without, because nobody answered, is ended once somebody does, one after the
//! other; the peer makes a new one.

use std::{
    collections::HashMap,
    future::pending,
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex, MutexGuard, PoisonError,
    },
    time::Duration,
};

use casper_remote_signer::{Answer, Message as Request, Reason};
use openssl::{bn::BigNumContext, ec::PointConversionForm, ssl::SslRef, x509::X509Ref};
use tokio::{
    sync::{watch, Mutex as Turns, Notify},
    time::Instant,
};
use tracing::{error, info, warn};

use casper_types::Signature;

use super::{signature, RemoteKey, SigningKey};
use crate::{tls, types::NodeId};

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(2);
/// How long a handshake waits for its certificate: well below a peer's `handshake_timeout` (20 s as shipped).
const PATIENCE: Duration = Duration::from_secs(6);
/// The pause between requests.
const PAUSE: Duration = Duration::from_millis(250);
/// The pause between requests of those that nobody waits for.
const LONG_PAUSE: Duration = Duration::from_secs(1);
/// The pause between two connections that are ended. A node that lost all its peers at once would never ask for blocks
/// again: block_synchronizer.rs, `NeedNext::Peers`, goes round and round with an empty list.
const APART: Duration = Duration::from_millis(500);

const POINT_LENGTH: usize = 67;
const RANDOM_LENGTH: usize = 12;

/// What a handshake's connection ID is made of.
#[derive(Clone)]
pub(crate) struct Handshake {
    request: Request,
    peer: NodeId,
    /// The peer has connected to us. It sends consensus messages over that connection.
    incoming: bool,
}

/// The connections that peers made to us without our certificate, and what ends them.
pub(super) struct Reconnects {
    /// For each such peer, how often certificates had been signed again by then.
    lacking: Mutex<HashMap<NodeId, u64>>,
    /// How often certificates were signed again.
    answers: watch::Sender<u64>,
    /// Held by the connection that is to be ended next.
    turns: Turns<()>,
    /// Whether somebody is asking for a certificate that nobody waits for.
    watching: AtomicBool,
    /// Wakes the task that registers the TLS key.
    unregistered: Notify,
}

impl Default for Reconnects {
    fn default() -> Self {
        Reconnects {
            lacking: Mutex::default(),
            answers: watch::channel(0).0,
            turns: Turns::default(),
            watching: AtomicBool::new(false),
            unregistered: Notify::new(),
        }
    }
}

impl Handshake {
    /// Reads both ends' keys and randoms from a connection whose TLS handshake is done.
    pub(crate) fn of(ssl: &SslRef) -> Option<Self> {
        let mut server_random = [0; RANDOM_LENGTH];
        let mut combined_random = [0; RANDOM_LENGTH];
        ssl.server_random(&mut server_random);
        ssl.client_random(&mut combined_random);
        for (byte, other) in combined_random.iter_mut().zip(server_random) {
            *byte ^= other;
        }
        let their_certificate = ssl.peer_certificate()?;
        let their_key = their_certificate.public_key().ok()?.ec_key().ok()?;
        let request = Request::ConsensusCertificate {
            combined_random,
            our_tls_point: point(ssl.certificate()?)?,
            their_tls_point: point(&their_certificate)?,
        };
        Some(Handshake {
            request,
            peer: NodeId::from(tls::key_fingerprint(&their_key).ok()?),
            incoming: ssl.is_server(),
        })
    }
}

impl SigningKey {
    /// Tells the agent with which TLS key this node has started, and again whenever the cosigners do not know it:
    /// certificates are signed for no other.
    pub(crate) fn register_identity(&self, certificate: &X509Ref) {
        let SigningKey::Remote(key) = self else {
            return;
        };
        let Some(point) = point(certificate) else {
            return;
        };
        let key = key.clone();
        tokio::spawn(async move {
            loop {
                key.register(point).await;
                key.reconnects().unregistered.notified().await;
            }
        });
    }

    /// Ends when a peer's connection to us had better be made anew. It may never end.
    pub(crate) async fn reconnect(&self, peer: NodeId) {
        let SigningKey::Remote(key) = self else {
            return pending().await;
        };
        let before = key.lacking().remove(&peer);
        match before {
            Some(before) => {
                let mut answers = key.reconnects().answers.subscribe();
                drop(answers.wait_for(|now| *now > before).await);
                let _turn = key.reconnects().turns.lock().await;
                tokio::time::sleep(APART).await;
            }
            None => pending().await,
        }
    }
}

impl RemoteKey {
    /// Asks for the certificate of a handshake. Without an answer it says None after a while; a connection that a peer
    /// made to us will then be ended as soon as certificates are signed again.
    pub(crate) async fn certify(&self, handshake: &Handshake, id: &[u8]) -> Option<Signature> {
        // The client and the node must mean the same bytes, or the peer would drop the connection.
        if handshake.request.sign_bytes() != id {
            error!("the client computes the connection ID otherwise");
            return None;
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(bytes) = self.ask(handshake).await {
                if handshake.incoming {
                    self.lacking().remove(&handshake.peer);
                }
                return signature(bytes);
            }
            tokio::time::sleep(PAUSE).await;
        }
        warn!(peer = %handshake.peer, "no certificate: this peer will not take us for a validator");
        if handshake.incoming {
            let answers = *self.reconnects().answers.borrow();
            self.lacking().insert(handshake.peer, answers);
            self.watch(handshake.clone());
        }
        None
    }

    /// Asks beside until there is an answer, and then has all peers connect anew that lack a certificate.
    fn watch(&self, handshake: Handshake) {
        let key = self.clone();
        if key.reconnects().watching.swap(true, Ordering::SeqCst) {
            return;
        }
        tokio::spawn(async move {
            while key.ask(&handshake).await.is_none() {
                tokio::time::sleep(LONG_PAUSE).await;
            }
            info!("certificates are signed again; peers without one have to connect anew");
            key.reconnects().watching.store(false, Ordering::SeqCst);
            key.reconnects()
                .answers
                .send_modify(|answers| *answers += 1);
        });
    }

    async fn ask(&self, handshake: &Handshake) -> Option<[u8; 64]> {
        let request = handshake.request.clone();
        match self.signer().sign_async(request, DEADLINE).await {
            Answer::Signed(bytes) => return Some(bytes),
            Answer::Refused(refusal) if refusal.reason == Reason::TlsPoint => {
                self.reconnects().unregistered.notify_one();
            }
            _ => (),
        }
        None
    }

    /// Registers the TLS key, however long it takes.
    async fn register(&self, point: [u8; POINT_LENGTH]) {
        let mut said = false;
        while let Err(error) = self.signer().register_tls_point(point, DEADLINE).await {
            if !said {
                warn!(%error, "the TLS key of this node is not registered with the cosigners yet");
                said = true;
            }
            tokio::time::sleep(LONG_PAUSE).await;
        }
    }

    fn reconnects(&self) -> &Reconnects {
        &self.0.reconnects
    }

    fn lacking(&self) -> MutexGuard<'_, HashMap<NodeId, u64>> {
        let peers = &self.0.reconnects.lacking;
        peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate's compressed P-521 point, as `tls::key_fingerprint` hashes it.
fn point(certificate: &X509Ref) -> Option<[u8; POINT_LENGTH]> {
    let point = || -> Result<Vec<u8>, openssl::error::ErrorStack> {
        let key = certificate.public_key()?.ec_key()?;
        let mut context = BigNumContext::new()?;
        key.public_key()
            .to_bytes(key.group(), PointConversionForm::COMPRESSED, &mut context)
    };
    match point() {
        Ok(bytes) => bytes.try_into().ok(),
        Err(error) => {
            error!(%error, "reading a TLS certificate's key");
            None
        }
    }
}
