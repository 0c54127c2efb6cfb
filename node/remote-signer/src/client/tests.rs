use std::{
    path::PathBuf,
    pin::Pin,
    sync::{atomic::Ordering::SeqCst, Weak},
    task::{Context, Poll, Wake, Waker},
};

use tempfile::TempDir;
use tonic::Status;

use super::*;
use crate::{
    answer::Reason,
    fake::{
        bound, echo, finality, handshake, hangs, honest, public_key, refused, sign, signed, signed_by_another, vote,
        Act, Agent,
    },
};

/// A deadline that no test on a busy machine should miss by accident.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

struct Rig {
    dir: TempDir,
    signer: Signer,
}

impl Rig {
    fn new() -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let signer = Signer::start(Config { socket: dir.path().join("s"), public_key: public_key() }).unwrap();
        Rig { dir, signer }
    }

    fn with(act: Act) -> (Rig, Agent) {
        let rig = Rig::new();
        let agent = rig.agent(act);
        (rig, agent)
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    fn agent(&self, act: Act) -> Agent {
        Agent::start(&self.socket(), act)
    }

    /// Asks until there is an answer, as a node that retries.
    fn until_answered(&self, message: &Message) -> Answer {
        until("an answer", || match self.signer.sign(message, LONG) {
            Answer::Unavailable(_) => None,
            answer => Some(answer),
        })
    }
}

/// Waits by asking.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(start.elapsed() < LONG, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// An executor that knows nothing of tokio.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker())) {
            return output;
        }
        thread::park();
    }
}

fn poll_once(future: &mut (impl Future + Unpin)) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(&waker())).is_ready()
}

/// Wakes the thread on which it was made.
fn waker() -> Waker {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    Arc::new(Unpark(thread::current())).into()
}

fn assert_unavailable(answer: &Answer, why: &str) {
    assert!(matches!(answer, Answer::Unavailable(text) if text.contains(why)), "want {why:?}, got {answer:?}");
}

#[test]
fn each_kind_both_ways() {
    let (rig, agent) = Rig::with(honest);
    for message in [echo(1, 1), vote(1, true), finality(1, 1), handshake(6)] {
        assert_eq!(rig.signer.sign(&message, LONG), Answer::Signed(sign(&message)));
        assert_eq!(block_on(rig.signer.sign_async(message.clone(), LONG)), Answer::Signed(sign(&message)));
    }
    let timeouts = agent.seen.timeouts.lock().unwrap();
    assert_eq!(timeouts.len(), 8, "each request states how long its asker still waits");
    for timeout in timeouts.iter() {
        let micros: u128 = timeout.strip_suffix('u').unwrap().parse().unwrap();
        assert!(0 < micros && micros < LONG.as_micros(), "{timeout}");
    }
}

#[test]
fn inside_runtimes() {
    let (rig, _agent) = Rig::with(honest);
    let current = Builder::new_current_thread().build().unwrap();
    let multi = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for runtime in [current, multi] {
        let signer = rig.signer.clone();
        let asked = runtime.block_on(async { signer.sign(&echo(1, 1), LONG) });
        assert_eq!(asked, Answer::Signed(sign(&echo(1, 1))));
        // On a worker of the runtime, too, and started there.
        let config = Config { socket: rig.socket(), public_key: public_key() };
        let asked = async move { Signer::start(config).unwrap().sign(&echo(1, 1), LONG) };
        assert_eq!(runtime.block_on(runtime.spawn(asked)).unwrap(), Answer::Signed(sign(&echo(1, 1))));
    }
}

#[test]
fn bound_and_refused() {
    let (rig, agent) = Rig::with(|_| Some(Ok(bound(&echo(1, 2)))));
    let want = Answer::Bound { message: echo(1, 2), signature: sign(&echo(1, 2)) };
    assert_eq!(rig.signer.sign(&echo(1, 1), LONG), want);
    agent.now_acts(|_| Some(Ok(refused(2, "era 3 is below the floor"))));
    let Answer::Refused(refusal) = rig.signer.sign(&echo(1, 1), LONG) else { panic!("not refused") };
    assert!(refusal.reason == Reason::BelowFloor && refusal.is_final() && refusal.detail.contains("floor"));
    assert_eq!(rig.signer.answers_not_believed(), 0);
}

#[test]
fn lies_are_not_believed() {
    let lies: [(Act, &str); 5] = [
        (|_| Some(Ok(signed_by_another(&echo(1, 1)))), "signature is wrong"),
        (|_| Some(Ok(signed(&echo(1, 2)))), "signature is wrong"),
        (|_| Some(Ok(bound(&echo(2, 1)))), "belongs to"),
        (|_| Some(Ok(bound(&echo(1, 1)))), "names the one that was asked for"),
        (|_| Some(Ok(Default::default())), "no answer"),
    ];
    let (rig, agent) = Rig::with(honest);
    for (n, (act, why)) in lies.into_iter().enumerate() {
        agent.now_acts(act);
        assert_unavailable(&block_on(rig.signer.sign_async(echo(1, 1), LONG)), why);
        assert_eq!(rig.signer.answers_not_believed(), n as u64 + 1);
    }
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "no answer");
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "not asked");
}

#[test]
fn status_is_unavailable() {
    let (rig, agent) = Rig::with(|_| Some(Err(Status::unavailable("no cosigner leads"))));
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "no cosigner leads");
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "not asked");
    assert_eq!(agent.seen.requests.load(SeqCst), 1, "the second was not sent");
    // What does not block is asked all the same, and its answer ends the pause.
    agent.now_acts(honest);
    assert_eq!(block_on(rig.signer.sign_async(finality(1, 1), LONG)), Answer::Signed(sign(&finality(1, 1))));
    assert_eq!(rig.signer.sign(&echo(1, 1), LONG), Answer::Signed(sign(&echo(1, 1))));
}

#[test]
fn refused_handshake_is_no_sign_of_life() {
    let (rig, agent) = Rig::with(hangs);
    assert_unavailable(&rig.signer.sign(&echo(1, 1), SHORT), "in time");
    rig.signer.backoff().failed(Instant::now() + LONG, false); // so that the pause outlasts a slow machine
    agent.now_acts(|_| Some(Ok(refused(11, "handshakes are waiting"))));
    assert!(matches!(block_on(rig.signer.sign_async(handshake(1), LONG)), Answer::Refused(_)));
    assert_unavailable(&rig.signer.sign(&echo(1, 1), SHORT), "not asked");
}

#[test]
fn hung_agent() {
    let (rig, agent) = Rig::with(hangs);
    let start = Instant::now();
    assert_unavailable(&rig.signer.sign(&echo(1, 1), SHORT), "in time");
    let took = start.elapsed();
    assert!(took >= SHORT && took < SHORT + Duration::from_secs(2), "returned after {took:?}");
    let start = Instant::now();
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "not asked");
    assert!(start.elapsed() < LONG / 2, "a local refusal took {:?}", start.elapsed());
    until("the cancellation", || (agent.seen.cancelled.load(SeqCst) == 1).then_some(()));
    agent.now_acts(honest);
    assert_eq!(rig.until_answered(&echo(1, 1)), Answer::Signed(sign(&echo(1, 1))));
}

/// The deadline is the caller's own: it holds even if the signer's thread does nothing at all.
#[test]
fn stuck_thread() {
    let (queue, jobs) = mpsc::channel(1);
    let (handshakes, others) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(OTHERS)));
    let signer = Signer { queue, handshakes, others, shared: Arc::default() };
    let start = Instant::now();
    assert_unavailable(&signer.sign(&echo(1, 1), SHORT), "no answer in time");
    assert!(start.elapsed() < SHORT + Duration::from_secs(2), "returned after {:?}", start.elapsed());
    signer.backoff().answered();
    assert_unavailable(&signer.sign(&echo(1, 1), LONG), "too many requests");
    drop(jobs);
    signer.backoff().answered();
    assert_unavailable(&signer.sign(&echo(1, 1), LONG), "thread ended");
    assert_unavailable(&block_on(signer.sign_async(echo(1, 1), LONG)), "thread ended");
}

#[test]
fn dropped_future_cancels() {
    let (rig, agent) = Rig::with(hangs);
    let mut asked = Box::pin(rig.signer.sign_async(finality(1, 1), LONG));
    assert!(!poll_once(&mut asked));
    until("the request", || (agent.seen.requests.load(SeqCst) == 1).then_some(()));
    assert_eq!(agent.seen.cancelled.load(SeqCst), 0);
    drop(asked);
    until("the cancellation", || (agent.seen.cancelled.load(SeqCst) == 1).then_some(()));
}

#[test]
fn late_jobs_are_not_sent() {
    let (rig, agent) = Rig::with(honest);
    assert_unavailable(&block_on(rig.signer.sign_async(echo(1, 1), Duration::ZERO)), "before the agent could be asked");
    drop(rig.signer.sign(&echo(1, 1), Duration::ZERO));
    assert_eq!(block_on(rig.signer.sign_async(echo(1, 2), LONG)), Answer::Signed(sign(&echo(1, 2))));
    assert_eq!(agent.seen.requests.load(SeqCst), 1);
}

#[test]
fn agent_comes_late_and_again() {
    let rig = Rig::new();
    assert_unavailable(&rig.signer.sign(&echo(1, 1), LONG), "No such file");
    for _ in 0..3 {
        let agent = rig.agent(honest);
        // The first request after the agent is there must do.
        let answer = until("the end of the pause", || match rig.signer.sign(&echo(1, 1), LONG) {
            Answer::Unavailable(text) if text.contains("not asked") => None,
            answer => Some(answer),
        });
        assert_eq!(answer, Answer::Signed(sign(&echo(1, 1))));
        drop(agent);
        let asked = || rig.signer.sign(&echo(1, 1), LONG);
        until("the loss of the agent", || matches!(asked(), Answer::Unavailable(_)).then_some(()));
    }
}

#[test]
fn agent_killed_during_a_request() {
    let (rig, agent) = Rig::with(hangs);
    let mut asked = Box::pin(rig.signer.sign_async(echo(1, 1), LONG));
    assert!(!poll_once(&mut asked));
    until("the request", || (agent.seen.requests.load(SeqCst) == 1).then_some(()));
    drop(agent);
    let start = Instant::now();
    assert!(matches!(block_on(asked), Answer::Unavailable(_)));
    assert!(start.elapsed() < LONG / 2, "it waited {:?} for an agent that was gone", start.elapsed());
}

#[test]
fn agent_replaced_while_it_hangs() {
    let (rig, _hung) = Rig::with(hangs);
    assert_unavailable(&block_on(rig.signer.sign_async(echo(1, 1), SHORT)), "in time");
    std::fs::remove_file(rig.socket()).unwrap();
    let _other = rig.agent(honest);
    let answer = until("the other agent", || match block_on(rig.signer.sign_async(echo(1, 1), SHORT)) {
        Answer::Unavailable(_) => None,
        answer => Some(answer),
    });
    assert_eq!(answer, Answer::Signed(sign(&echo(1, 1))));
}

#[test]
fn full_queue() {
    let (rig, agent) = Rig::with(|request| match &request.message {
        Some(crate::proto::v1::sign_request::Message::ConsensusCertificate(_)) => None,
        _ => honest(request),
    });
    let mut waiting: Vec<_> = (0..HANDSHAKES).map(|_| Box::pin(rig.signer.sign_async(handshake(1), LONG))).collect();
    assert!(waiting.iter_mut().all(|asked| !poll_once(asked)));
    assert_unavailable(&block_on(rig.signer.sign_async(handshake(1), LONG)), "too many requests");
    // Votes have room of their own, and do not wait for the handshakes.
    assert_eq!(rig.signer.sign(&vote(1, true), LONG), Answer::Signed(sign(&vote(1, true))));
    until("all requests", || (agent.seen.requests.load(SeqCst) == HANDSHAKES + 1).then_some(()));
    drop(waiting);
    agent.now_acts(honest);
    let answer = until("room", || match block_on(rig.signer.sign_async(handshake(1), LONG)) {
        Answer::Unavailable(_) => None,
        answer => Some(answer),
    });
    assert_eq!(answer, Answer::Signed(sign(&handshake(1))));
}

#[test]
fn register() {
    let (rig, _agent) = Rig::with(honest);
    assert!(block_on(rig.signer.register_tls_point([2; 67], LONG)).is_ok());
    match block_on(rig.signer.register_tls_point([9; 67], LONG)) {
        Err(Error::Refused(refusal)) => assert_eq!((refusal.reason, refusal.is_final()), (Reason::TlsPoint, false)),
        other => panic!("{other:?}"),
    }
    let nobody = Rig::new();
    let result = block_on(nobody.signer.register_tls_point([2; 67], LONG));
    assert!(matches!(&result, Err(Error::Unavailable(text)) if text.contains("No such file")), "{result:?}");
}

#[test]
fn thread_ends_with_the_last_handle() {
    let (rig, _agent) = Rig::with(honest);
    let shared: Weak<Shared> = Arc::downgrade(&rig.signer.shared);
    let (other, asked) = (rig.signer.clone(), rig.signer.sign_async(echo(1, 1), LONG));
    drop(rig);
    assert!(matches!(other.sign(&echo(1, 1), LONG), Answer::Signed(_) | Answer::Unavailable(_)));
    drop(other);
    assert!(shared.upgrade().is_some(), "the future is a handle, too");
    drop(asked);
    until("the end of the thread", || (shared.strong_count() == 0).then_some(()));
}

#[test]
fn bad_settings() {
    let start = |socket: &str, public_key| Signer::start(Config { socket: socket.into(), public_key });
    let mut small_order = [0; 32];
    small_order[0] = 1;
    let off_curve = (0..).map(|byte| [byte; 32]).find(|key| VerifyingKey::from_bytes(key).is_err()).unwrap();
    for key in [small_order, off_curve] {
        assert!(matches!(start("/run/s", key), Err(Error::PublicKey)), "{key:?}");
    }
    assert!(matches!(start("", public_key()), Err(Error::Socket(_))));
    assert!(start("/run/s", public_key()).is_ok());
}
