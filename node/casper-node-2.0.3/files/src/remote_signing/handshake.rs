//! Handshake certificates by remote signing, and what is done without one.
//!
//! Peers send consensus messages to those who showed a certificate when the connection was made, and a connection may
//! last for months. So one that was made without, because nobody answered, is ended as soon as somebody does; the peer
//! makes a new one.

use std::{
    collections::HashSet,
    future::pending,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use casper_remote_signer::{Answer, Message as Request, Reason};
use openssl::{bn::BigNumContext, ec::PointConversionForm, ssl::SslRef, x509::X509Ref};
use tokio::{sync::Notify, time::Instant};
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

const POINT_LENGTH: usize = 67;
const RANDOM_LENGTH: usize = 12;

/// What a handshake's connection ID is made of.
#[derive(Clone)]
pub(crate) struct Handshake {
    request: Request,
    peer: NodeId,
}

/// The peers whose connection to us was made without our certificate.
#[derive(Default)]
pub(super) struct Reconnects {
    peers: Mutex<HashSet<NodeId>>,
    answered: Notify,
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
        })
    }
}

impl SigningKey {
    /// Tells the agent with which TLS key this node has started: certificates are signed for no other.
    pub(crate) fn register_identity(&self, certificate: &X509Ref) {
        let (SigningKey::Remote(key), Some(point)) = (self, point(certificate)) else {
            return;
        };
        let key = key.clone();
        tokio::spawn(async move {
            while !key.register(point).await {
                tokio::time::sleep(LONG_PAUSE).await;
            }
        });
    }

    /// Ends when a peer's connection to us had better be made anew. It may never end.
    pub(crate) async fn reconnect(&self, peer: NodeId) {
        match self {
            SigningKey::Remote(key) if key.reconnects().contains(&peer) => {
                key.0.reconnects.answered.notified().await
            }
            _ => pending().await,
        }
    }
}

impl RemoteKey {
    /// Asks for the certificate of a handshake. Without an answer it says None after a while, goes on asking beside, and
    /// has the peer connect anew once there is an answer.
    pub(crate) async fn certify(&self, handshake: &Handshake, id: &[u8]) -> Option<Signature> {
        // The client and the node must mean the same bytes, or the peer would drop the connection.
        if handshake.request.sign_bytes() != id {
            error!("the client computes the connection ID otherwise");
            return None;
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(bytes) = self.ask(handshake).await {
                self.reconnects().remove(&handshake.peer);
                return signature(bytes);
            }
            tokio::time::sleep(PAUSE).await;
        }
        warn!(peer = %handshake.peer, "no certificate: this peer will not take us for a validator until there is one");
        self.reconnects().insert(handshake.peer);
        let (key, handshake) = (self.clone(), handshake.clone());
        tokio::spawn(async move { key.watch(handshake).await });
        None
    }

    /// Asks until there is an answer, and then has all peers connect anew that lack a certificate.
    async fn watch(self, handshake: Handshake) {
        while self.reconnects().contains(&handshake.peer) {
            if self.ask(&handshake).await.is_some() {
                info!("certificates are signed again; peers without one have to connect anew");
                self.reconnects().clear();
                self.0.reconnects.answered.notify_waiters();
                return;
            }
            tokio::time::sleep(LONG_PAUSE).await;
        }
    }

    async fn ask(&self, handshake: &Handshake) -> Option<[u8; 64]> {
        match self
            .signer()
            .sign_async(handshake.request.clone(), DEADLINE)
            .await
        {
            Answer::Signed(bytes) => return Some(bytes),
            Answer::Refused(refusal) if refusal.reason == Reason::TlsPoint => {
                if let Request::ConsensusCertificate { our_tls_point, .. } = handshake.request {
                    self.register(our_tls_point).await;
                }
            }
            _ => (),
        }
        None
    }

    async fn register(&self, point: [u8; POINT_LENGTH]) -> bool {
        match self.signer().register_tls_point(point, DEADLINE).await {
            Ok(()) => true,
            Err(error) => {
                warn!(%error, "the TLS key of this node is not registered with the cosigners");
                false
            }
        }
    }

    fn reconnects(&self) -> MutexGuard<'_, HashSet<NodeId>> {
        self.0
            .reconnects
            .peers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
