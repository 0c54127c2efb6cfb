//! The signer's thread: takes jobs from the queue and asks the agent, each job in a task of its own.

use std::{
    error::Error as _,
    future,
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
        mpsc::SyncSender,
        Arc, Mutex, PoisonError,
    },
    time::{Duration, Instant},
};

use ed25519_dalek::VerifyingKey;
use tokio::{
    sync::{mpsc, oneshot, OwnedSemaphorePermit},
    time::timeout_at,
};
use tonic::{
    transport::{Channel, Endpoint},
    Request, Response, Status,
};
use tracing::{debug, error, info, warn};

use crate::{
    answer::Answer,
    backoff::Backoff,
    error::Error,
    judge::judge,
    message::{Message, TlsPoint},
    proto::{self, v1::signer_service_client::SignerServiceClient},
};

/// After so many deadlines in a row the connection is made anew: the agent may have been replaced while the old one hangs.
const DEADLINES_PER_CONNECTION: u32 = 4;

/// One request, and a place in the queue that it holds until it is done.
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) deadline: Instant,
    pub(crate) _place: OwnedSemaphorePermit,
}

pub(crate) enum Task {
    Sign { message: Message, reply: Reply },
    Register { point: TlsPoint, reply: oneshot::Sender<Result<(), Error>> },
}

/// Where an answer goes.
pub(crate) enum Reply {
    /// To a thread that waits until the job's deadline.
    Thread(SyncSender<Answer>),
    /// To a future, which may be dropped before.
    Future(oneshot::Sender<Answer>),
}

impl Reply {
    /// Ends when nobody waits any more, before the deadline.
    async fn abandoned(&mut self) {
        match self {
            Reply::Thread(_) => future::pending().await,
            Reply::Future(reply) => reply.closed().await,
        }
    }

    /// The asker may be gone: then nobody needs the answer.
    fn send(self, answer: Answer) {
        match self {
            Reply::Thread(reply) => drop(reply.try_send(answer)),
            Reply::Future(reply) => drop(reply.send(answer)),
        }
    }
}

/// What the handles and the thread both know.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) backoff: Mutex<Backoff>,
    pub(crate) unbelieved: AtomicU64, // answers
    unavailable: AtomicBool,          // as the log knows it
    deadlines: AtomicU32,             // that ran out since the last answer
}

impl Shared {
    pub(crate) fn answered(&self) {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner).answered();
    }
}

/// Connects to the agent. The first request makes the connection, and every request after it has been lost makes a new one.
#[derive(Clone)]
pub(crate) struct Link {
    endpoint: Endpoint,
    client: Arc<Mutex<SignerServiceClient<Channel>>>,
    key: VerifyingKey,
    shared: Arc<Shared>,
}

impl Link {
    /// Must be called within the runtime that shall serve the connection.
    fn new(endpoint: Endpoint, key: VerifyingKey, shared: Arc<Shared>) -> Self {
        let client = SignerServiceClient::new(endpoint.connect_lazy());
        Link { endpoint, client: Arc::new(Mutex::new(client)), key, shared }
    }

    fn client(&self) -> SignerServiceClient<Channel> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renew(&self) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) =
            SignerServiceClient::new(self.endpoint.connect_lazy());
    }
}

/// The endpoint of the agent's socket.
pub(crate) fn endpoint(socket: &Path) -> Result<Endpoint, Error> {
    let path = socket.to_str().filter(|path| !path.is_empty());
    path.and_then(|path| Endpoint::from_shared(format!("unix://{path}")).ok())
        .ok_or_else(|| Error::Socket(socket.to_owned()))
}

/// Serves the queue until its last sender is gone. What is then still being asked has no asker any more.
pub(crate) async fn serve(endpoint: Endpoint, key: VerifyingKey, shared: Arc<Shared>, mut queue: mpsc::Receiver<Job>) {
    let link = Link::new(endpoint, key, shared);
    while let Some(job) = queue.recv().await {
        tokio::spawn(link.clone().serve(job));
    }
}

impl Link {
    async fn serve(self, job: Job) {
        // Whatever ends the request before its answer drops the call, so that the agent sees it cancelled and binds nothing.
        match job.task {
            Task::Sign { message, mut reply } => tokio::select! {
                biased; // a request that was withdrawn while it waited is not sent
                () = reply.abandoned() => debug!(slot = %message, "nobody waits for the signature any more"),
                answer = self.sign(&message, job.deadline) => reply.send(answer),
            },
            Task::Register { point, mut reply } => tokio::select! {
                biased;
                () = reply.closed() => {}
                result = self.register(&point, job.deadline) => drop(reply.send(result)),
            },
        }
    }

    async fn sign(&self, message: &Message, deadline: Instant) -> Answer {
        let start = Instant::now();
        let mut client = self.client();
        let response = self.call(proto::request(message), deadline, |request| client.sign(request));
        let answer = match response.await {
            Ok(response) => judge(&self.key, message, response).unwrap_or_else(|why| self.not_believed(message, &why)),
            Err(text) => Answer::Unavailable(text),
        };
        self.note(message, &answer, start.elapsed());
        answer
    }

    async fn register(&self, point: &TlsPoint, deadline: Instant) -> Result<(), Error> {
        let mut client = self.client();
        let response = self.call(proto::registration(point), deadline, |request| client.register_tls_point(request));
        let result = match response.await {
            Ok(response) => response.refused.map_or(Ok(()), |refused| Err(Error::Refused(proto::refusal(refused)))),
            Err(text) => Err(Error::Unavailable(text)),
        };
        debug!(?result, "asked to register the TLS point");
        result
    }

    /// Makes one call that ends by the deadline. The error says why there is no response.
    async fn call<Q, R, F>(&self, body: Q, deadline: Instant, send: impl FnOnce(Request<Q>) -> F) -> Result<R, String>
    where
        F: future::Future<Output = Result<Response<R>, Status>>,
    {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err("the deadline passed before the agent could be asked".into());
        }
        let mut request = Request::new(body);
        request.set_timeout(left);
        match timeout_at(deadline.into(), send(request)).await {
            Ok(Ok(response)) => {
                self.shared.deadlines.store(0, Relaxed);
                Ok(response.into_inner())
            }
            Ok(Err(status)) if Instant::now() < deadline => Err(explain(&status)),
            _ => {
                if (self.shared.deadlines.fetch_add(1, Relaxed) + 1) % DEADLINES_PER_CONNECTION == 0 {
                    self.renew();
                }
                Err("the agent did not answer in time".into())
            }
        }
    }

    /// One line for each doubling: an agent that always lies must not fill the log.
    fn not_believed(&self, message: &Message, why: &str) -> Answer {
        let count = self.shared.unbelieved.fetch_add(1, Relaxed) + 1;
        if count.is_power_of_two() {
            error!(slot = %message, why, count, "the agent's answer is not used");
        }
        Answer::Unavailable(format!("the agent's answer is not used: {why}"))
    }

    fn note(&self, message: &Message, answer: &Answer, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (outcome, why) = match answer {
            Answer::Signed(_) => ("signed", String::new()),
            Answer::Bound { .. } => ("bound", String::new()),
            Answer::Refused(refusal) => ("refused", refusal.to_string()),
            Answer::Unavailable(why) => ("unavailable", why.clone()),
        };
        debug!(kind = message.kind(), slot = %message, outcome, why, micros, "asked for a signature");
        match answer {
            Answer::Unavailable(_) => {
                if !self.shared.unavailable.swap(true, Relaxed) {
                    warn!(slot = %message, why, "no answer to a request for a signature; further ones are not logged");
                }
            }
            // The agent refuses handshakes by itself when there are many, so that it says nothing about the cosigners.
            Answer::Refused(_) if message.is_handshake() => {}
            _ => {
                self.shared.answered();
                if self.shared.unavailable.swap(false, Relaxed) {
                    info!(slot = %message, "requests for signatures are answered again");
                }
            }
        }
    }
}

/// The status with its causes, without which a missing socket is just a "transport error".
fn explain(status: &Status) -> String {
    let mut text = format!("{:?}: {}", status.code(), status.message());
    let mut cause = status.source();
    while let Some(err) = cause {
        let more = err.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = err.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use tracing::{span, Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::{
        answer::{Reason, Refusal},
        fake::{echo, handshake, public_key, sign},
    };

    /// Counts the lines of each level: error, warn, info, debug, trace.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<[u32; 5]>>);

    impl Subscriber for Lines {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("casper_remote_signer")
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
            let level = levels.iter().position(|level| level == event.metadata().level()).unwrap();
            self.0.lock().unwrap()[level] += 1;
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    fn link() -> Link {
        let endpoint = endpoint(Path::new("/nowhere")).unwrap();
        Link::new(endpoint, VerifyingKey::from_bytes(&public_key()).unwrap(), Arc::default())
    }

    /// However long the agent is away, that is one line at warn and one at info.
    #[test]
    fn log_of_a_streak() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_context, lines) = (runtime.enter(), Lines::default());
        let refused = || Answer::Refused(Refusal { reason: Reason::TooMany, detail: String::new() });
        tracing::subscriber::with_default(lines.clone(), || {
            let link = link();
            let note = |message: &Message, answer| link.note(message, &answer, Duration::ZERO);
            note(&echo(1, 1), Answer::Signed(sign(&echo(1, 1))));
            for _ in 0..10 {
                note(&echo(1, 1), Answer::Unavailable("gone".into()));
                note(&handshake(1), refused());
            }
            note(&echo(1, 1), refused());
            note(&echo(1, 1), Answer::Signed(sign(&echo(1, 1))));
        });
        assert_eq!(*lines.0.lock().unwrap(), [0, 1, 1, 23, 0]);
    }

    #[test]
    fn log_of_lies() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_context, lines) = (runtime.enter(), Lines::default());
        tracing::subscriber::with_default(lines.clone(), || {
            let link = link();
            for _ in 0..100 {
                drop(link.not_believed(&echo(1, 1), "forged"));
            }
            assert_eq!(link.shared.unbelieved.load(Relaxed), 100);
        });
        assert_eq!(*lines.0.lock().unwrap(), [7, 0, 0, 0, 0], "at 1, 2, 4, 8, 16, 32 and 64");
    }
}
