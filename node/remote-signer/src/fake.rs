//! For tests: messages, a validator's key, and an agent that answers as it is told.

use std::{
    fs,
    future::pending,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicUsize, Ordering::SeqCst},
        Arc, Mutex,
    },
};

use ed25519_dalek::{Signer as _, SigningKey};
use tokio::{net::UnixListener, runtime::Runtime};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::{async_trait, transport::Server, Request, Response, Status};

use crate::{
    message::{Message, Signature, ZugRound},
    proto::v1::{self, signer_service_server},
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

pub(crate) fn public_key() -> [u8; 32] {
    key().verifying_key().to_bytes()
}

pub(crate) fn sign(message: &Message) -> Signature {
    key().sign(&message.sign_bytes()).to_bytes()
}

fn round(round_id: u32) -> ZugRound {
    ZugRound { chainspec_hash: [1; 32], era_id: 12, key_block_hash: [2; 32], round_id, validator_index: 2 }
}

pub(crate) fn echo(round_id: u32, proposal: u8) -> Message {
    Message::ZugEcho { round: round(round_id), proposal_hash: [proposal; 32] }
}

pub(crate) fn vote(round_id: u32, value: bool) -> Message {
    Message::ZugVote { round: round(round_id), value }
}

pub(crate) fn finality(block_height: u64, block: u8) -> Message {
    Message::FinalitySignature { block_hash: [block; 32], block_height, era_id: 12, chain_name_hash: [3; 32] }
}

pub(crate) fn handshake(random: u8) -> Message {
    Message::ConsensusCertificate { combined_random: [random; 12], our_tls_point: [4; 67], their_tls_point: [5; 67] }
}

fn response(answer: v1::sign_response::Answer) -> v1::SignResponse {
    v1::SignResponse { answer: Some(answer), decided_by: "c1".into() }
}

pub(crate) fn signed(message: &Message) -> v1::SignResponse {
    response(v1::sign_response::Answer::Signed(v1::Signed { signature: sign(message).to_vec() }))
}

pub(crate) fn signed_by_another(message: &Message) -> v1::SignResponse {
    let signature = SigningKey::from_bytes(&[8; 32]).sign(&message.sign_bytes()).to_vec();
    response(v1::sign_response::Answer::Signed(v1::Signed { signature }))
}

pub(crate) fn bound(message: &Message) -> v1::SignResponse {
    use v1::{bound::Message as Held, sign_request::Message as Asked};
    let held = match crate::proto::request(message).message {
        Some(Asked::ZugEcho(m)) => Held::ZugEcho(m),
        Some(Asked::ZugVote(m)) => Held::ZugVote(m),
        Some(Asked::FinalitySignature(m)) => Held::FinalitySignature(m),
        _ => panic!("a handshake is never bound"),
    };
    let signature = sign(message).to_vec();
    response(v1::sign_response::Answer::Bound(v1::Bound { message: Some(held), signature }))
}

pub(crate) fn refused(reason: i32, detail: &str) -> v1::SignResponse {
    response(v1::sign_response::Answer::Refused(v1::Refused { reason, detail: detail.into() }))
}

/// What the fake agent does with a request: None is to hang.
pub(crate) type Act = fn(&v1::SignRequest) -> Option<Result<v1::SignResponse, Status>>;

/// Signs what is asked for, whatever it is.
pub(crate) fn honest(request: &v1::SignRequest) -> Option<Result<v1::SignResponse, Status>> {
    use v1::sign_request::Message as Asked;
    let held = |message| crate::proto::held(Some(message)).unwrap();
    Some(Ok(signed(&match request.message.clone().unwrap() {
        Asked::ZugEcho(m) => held(v1::bound::Message::ZugEcho(m)),
        Asked::ZugVote(m) => held(v1::bound::Message::ZugVote(m)),
        Asked::FinalitySignature(m) => held(v1::bound::Message::FinalitySignature(m)),
        Asked::ConsensusCertificate(m) => handshake(m.combined_random[0]),
    })))
}

pub(crate) fn hangs(_: &v1::SignRequest) -> Option<Result<v1::SignResponse, Status>> {
    None
}

/// What the fake agent saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: AtomicUsize,
    pub(crate) cancelled: AtomicUsize,
    pub(crate) timeouts: Mutex<Vec<String>>,
}

/// An agent on a unix socket. Dropping it is killing it: connections break, and the socket is gone.
pub(crate) struct Agent {
    pub(crate) seen: Arc<Seen>,
    act: Arc<Mutex<Act>>,
    socket: PathBuf,
    runtime: Option<Runtime>,
}

impl Agent {
    pub(crate) fn start(socket: &Path, act: Act) -> Agent {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (seen, act) = (Arc::new(Seen::default()), Arc::new(Mutex::new(act)));
        let service = Service { seen: Arc::clone(&seen), act: Arc::clone(&act) };
        let incoming = {
            let _context = runtime.enter();
            UnixListenerStream::new(UnixListener::bind(socket).unwrap())
        };
        let server = signer_service_server::SignerServiceServer::new(service);
        runtime.spawn(async move { Server::builder().add_service(server).serve_with_incoming(incoming).await });
        Agent { seen, act, socket: socket.to_owned(), runtime: Some(runtime) }
    }

    pub(crate) fn now_acts(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.socket));
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// Dropped with the call that it belongs to.
struct Call(Arc<Seen>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.cancelled.fetch_add(1, SeqCst);
    }
}

struct Service {
    seen: Arc<Seen>,
    act: Arc<Mutex<Act>>,
}

#[async_trait]
impl signer_service_server::SignerService for Service {
    async fn sign(&self, request: Request<v1::SignRequest>) -> Result<Response<v1::SignResponse>, Status> {
        if let Some(timeout) = request.metadata().get("grpc-timeout") {
            self.seen.timeouts.lock().unwrap().push(timeout.to_str().unwrap().into());
        }
        self.seen.requests.fetch_add(1, SeqCst);
        let act = *self.act.lock().unwrap();
        match act(request.get_ref()) {
            Some(answer) => answer.map(Response::new),
            None => {
                let _call = Call(Arc::clone(&self.seen));
                pending().await
            }
        }
    }

    async fn register_tls_point(
        &self,
        request: Request<v1::RegisterTlsPointRequest>,
    ) -> Result<Response<v1::RegisterTlsPointResponse>, Status> {
        let held_by_another = request.get_ref().tls_point[0] == 9;
        let refused = held_by_another.then(|| v1::Refused { reason: 10, detail: "held by node-b".into() });
        Ok(Response::new(v1::RegisterTlsPointResponse { refused }))
    }
}
