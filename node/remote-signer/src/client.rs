//! The handle that casper-node holds.

use std::{
    fmt,
    future::Future,
    path::PathBuf,
    sync::{
        atomic::Ordering::Relaxed,
        mpsc::{sync_channel, RecvTimeoutError},
        Arc, MutexGuard, PoisonError,
    },
    thread,
    time::{Duration, Instant},
};

use ed25519_dalek::VerifyingKey;
use tokio::{
    runtime::Builder,
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot, Semaphore,
    },
};

use crate::{
    answer::Answer,
    backoff::Backoff,
    error::Error,
    message::{Message, TlsPoint},
    worker::{endpoint, serve, Job, Reply, Shared, Task},
};

/// How many requests may wait or be asked at once. Handshakes, which peers cause, are counted apart, so that a crowd of
/// them leaves room for votes.
const HANDSHAKES: usize = 128;
const OTHERS: usize = 64;

/// No deadline is longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// What a [`Signer`] needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The agent's unix socket. It need not exist yet.
    pub socket: PathBuf,
    /// The validator's Ed25519 public key, without casper-types' tag byte.
    pub public_key: [u8; 32],
}

/// Asks the agent for signatures. Clones share one thread and one connection; the thread ends with the last of them.
#[derive(Clone)]
pub struct Signer {
    queue: mpsc::Sender<Job>,
    handshakes: Arc<Semaphore>,
    others: Arc<Semaphore>,
    shared: Arc<Shared>,
}

impl Signer {
    /// Starts the signer's thread. It connects with the first request, so that the agent may come later.
    pub fn start(config: Config) -> Result<Signer, Error> {
        let key = VerifyingKey::from_bytes(&config.public_key).map_err(|_| Error::PublicKey)?;
        if key.is_weak() {
            return Err(Error::PublicKey); // no signature would ever pass verify_strict
        }
        let endpoint = endpoint(&config.socket)?;
        let (queue, jobs) = mpsc::channel(HANDSHAKES + OTHERS);
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        // The thread makes the runtime, and drops it: neither is always allowed where the caller is, in another runtime.
        let (started, start) = sync_channel(1);
        thread::Builder::new()
            .name("remote-signer".into())
            .spawn(move || match Builder::new_current_thread().enable_io().enable_time().build() {
                Ok(runtime) => {
                    drop(started.send(Ok(())));
                    runtime.block_on(serve(endpoint, key, known, jobs));
                }
                Err(err) => drop(started.send(Err(err))),
            })
            .map_err(Error::Thread)?;
        start.recv().map_err(std::io::Error::other).and_then(|made| made).map_err(Error::Thread)?;
        let (handshakes, others) = (Arc::new(Semaphore::new(HANDSHAKES)), Arc::new(Semaphore::new(OTHERS)));
        Ok(Signer { queue, handshakes, others, shared })
    }

    /// Asks for a signature and waits, `deadline` at the longest, whatever the agent does. It blocks the thread, and may be
    /// called on any, also one of a tokio runtime.
    ///
    /// After [`Answer::Unavailable`] it gives that answer at once, without asking, for 250 ms; if the deadline ran out,
    /// longer with each time in a row, up to 2 s. Thereby a signer that hangs takes a small part of the caller's time only.
    pub fn sign(&self, message: &Message, deadline: Duration) -> Answer {
        let start = Instant::now();
        if let Some(left) = self.backoff().left(start) {
            let millis = left.as_millis();
            return Answer::Unavailable(format!("not asked, because there was no answer just now; {millis} ms to go"));
        }
        let answer = self.wait_for(message, start, deadline);
        if matches!(answer, Answer::Unavailable(_)) {
            let now = Instant::now();
            self.backoff().failed(now, 2 * (now - start) >= deadline);
        } else {
            self.backoff().answered();
        }
        answer
    }

    /// Asks for a signature as [`sign`](Self::sign) does, but does not block, and asks every time. The future runs on any
    /// executor; its deadline counts from its first poll. Dropping it withdraws the request.
    pub fn sign_async(&self, message: Message, deadline: Duration) -> impl Future<Output = Answer> + Send + 'static {
        let signer = self.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            let task = Task::Sign { message, reply: Reply::Future(reply) };
            match signer.enqueue(task, Instant::now(), deadline) {
                Ok(()) => answer.await.unwrap_or_else(|_| Answer::Unavailable(GONE.into())),
                Err(why) => Answer::Unavailable(why.into()),
            }
        }
    }

    /// Tells the cosigners the TLS key with which this node has started; handshakes are signed for that key only. A future
    /// like that of [`sign_async`](Self::sign_async). The error is [`Error::Refused`] or [`Error::Unavailable`].
    pub fn register_tls_point(
        &self,
        point: TlsPoint,
        deadline: Duration,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static {
        let signer = self.clone();
        async move {
            let (reply, result) = oneshot::channel();
            match signer.enqueue(Task::Register { point, reply }, Instant::now(), deadline) {
                Ok(()) => result.await.unwrap_or_else(|_| Err(Error::Unavailable(GONE.into()))),
                Err(why) => Err(Error::Unavailable(why.into())),
            }
        }
    }

    /// How many answers were not believed since the start: with a wrong signature, of another slot, or unreadable. Each
    /// became an [`Answer::Unavailable`]. Anything but 0 is a fault of the agent or of the configured public key.
    pub fn answers_not_believed(&self) -> u64 {
        self.shared.unbelieved.load(Relaxed)
    }

    fn wait_for(&self, message: &Message, start: Instant, deadline: Duration) -> Answer {
        let (reply, answer) = sync_channel(1);
        let task = Task::Sign { message: message.clone(), reply: Reply::Thread(reply) };
        if let Err(why) = self.enqueue(task, start, deadline) {
            return Answer::Unavailable(why.into());
        }
        match answer.recv_timeout(deadline.saturating_sub(start.elapsed())) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Answer::Unavailable("no answer in time".into()),
            Err(RecvTimeoutError::Disconnected) => Answer::Unavailable(GONE.into()),
        }
    }

    /// Puts a task into the queue, or says why not. It never blocks.
    fn enqueue(&self, task: Task, start: Instant, deadline: Duration) -> Result<(), &'static str> {
        let places = match &task {
            Task::Sign { message, .. } if message.is_handshake() => &self.handshakes,
            _ => &self.others,
        };
        let place = Arc::clone(places).try_acquire_owned().map_err(|_| FULL)?;
        let job = Job { task, deadline: start + deadline.min(LONGEST), _place: place };
        self.queue.try_send(job).map_err(|err| match err {
            TrySendError::Full(_) => FULL,
            TrySendError::Closed(_) => GONE,
        })
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.shared.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FULL: &str = "too many requests are waiting";
const GONE: &str = "the signer's thread ended";

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("shared", &self.shared).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
