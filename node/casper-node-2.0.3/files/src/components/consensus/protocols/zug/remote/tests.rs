use std::sync::{Arc, Mutex};

use casper_types::testing::TestRng;
use tempfile::{tempdir, TempDir};

use super::*;
use crate::{
    components::consensus::{
        cl_context::Keypair,
        consensus_protocol::{ConsensusProtocol, ProposedBlock},
        protocols::zug::tests::new_test_zug,
        tests::utils::{
            ALICE_PUBLIC_KEY, ALICE_SECRET_KEY, BOB_PUBLIC_KEY, BOB_SECRET_KEY, CAROL_PUBLIC_KEY,
            CAROL_SECRET_KEY,
        },
    },
    remote_signing::SigningKey,
    types::{BlockPayload, NodeId},
};

/// What the cosigners do with a message.
#[derive(Clone, Copy)]
enum Mood {
    Sign,
    Refuse,
    Forbid,
    /// The other node of this validator has signed this.
    Bind(Content<ClContext>),
}

/// A Zug instance of Alice, who leads the first rounds and has most of the weight, and whose key is elsewhere.
struct Rig {
    zug: Zug<ClContext>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<usize>>,
    rng: crate::NodeRng,
    _folder: TempDir,
}

impl Rig {
    fn new(mood: Mood) -> Self {
        let weights = [
            (ALICE_PUBLIC_KEY.clone(), 60),
            (BOB_PUBLIC_KEY.clone(), 30),
            (CAROL_PUBLIC_KEY.clone(), 10),
        ];
        let alice = ValidatorIndex(
            new_test_zug(weights.clone(), vec![], &[])
                .validators
                .get_index(&ALICE_PUBLIC_KEY)
                .unwrap()
                .0,
        );
        let mut zug = new_test_zug(weights, vec![], &[alice; 8]);
        let mood = Arc::new(Mutex::new(mood));
        let asked = Arc::new(Mutex::new(0));
        let key = script(Arc::clone(&mood), Arc::clone(&asked));
        let folder = tempdir().unwrap();
        zug.activate_validator(
            ALICE_PUBLIC_KEY.clone(),
            Keypair::new(key, ALICE_PUBLIC_KEY.clone()),
            Timestamp::now(),
            Some(folder.path().join("wal")),
        );
        Rig {
            zug,
            mood,
            asked,
            rng: TestRng::new(),
            _folder: folder,
        }
    }

    fn feel(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// Has Alice make a proposal in the first round, and returns what came of it.
    fn propose(&mut self, now: Timestamp) -> ProtocolOutcomes<ClContext> {
        let timer = self
            .zug
            .handle_timer(now, now, super::super::TIMER_ID_UPDATE, &mut self.rng);
        let context = timer
            .into_iter()
            .find_map(|outcome| match outcome {
                ProtocolOutcome::CreateNewBlock(context, _) => Some(context),
                _ => None,
            })
            .expect("Alice leads");
        let payload = BlockPayload::new(BTreeMap::new(), vec![], Default::default(), true, 1u8);
        self.zug
            .propose(ProposedBlock::new(Arc::new(payload), context), now)
    }

    fn retry(&mut self, now: Timestamp) -> ProtocolOutcomes<ClContext> {
        self.zug
            .handle_timer(now, now, TIMER_ID_RETRY, &mut self.rng)
    }

    fn receive(
        &mut self,
        keypair: &Keypair,
        content: Content<ClContext>,
        now: Timestamp,
    ) -> ProtocolOutcomes<ClContext> {
        let index = self.zug.validators.get_index(keypair.public_key()).unwrap();
        let instance_id = *self.zug.params.instance_id();
        let message = Message::Signed(SignedMessage::sign_new(
            0,
            instance_id,
            content,
            index,
            keypair,
        ));
        let sender = NodeId::random(&mut self.rng);
        self.zug.handle_message(
            &mut self.rng,
            sender,
            SerializedMessage::from_message(&message),
            now,
        )
    }
}

/// A key that signs as the mood is, and counts how often it was asked.
fn script(mood: Arc<Mutex<Mood>>, asked: Arc<Mutex<usize>>) -> SigningKey {
    let alice = Keypair::from(ALICE_SECRET_KEY.clone());
    SigningKey::Scripted(Arc::new(move |preimage: &[u8]| {
        *asked.lock().unwrap() += 1;
        match *mood.lock().unwrap() {
            Mood::Sign => Verdict::Signed(alice.sign(&Digest::hash(preimage))),
            Mood::Refuse => Verdict::Refused,
            Mood::Forbid => Verdict::Forbidden,
            Mood::Bind(bound) => {
                let (round_id, instance_id, _, index): (
                    RoundId,
                    Digest,
                    Content<ClContext>,
                    ValidatorIndex,
                ) = bincode::deserialize(preimage).unwrap();
                let fields = bincode::serialize(&(round_id, instance_id, bound, index)).unwrap();
                Verdict::Bound(
                    bincode::serialize(&bound).unwrap(),
                    alice.sign(&Digest::hash(fields)),
                )
            }
        }
    }))
}

fn gossip(outcomes: &ProtocolOutcomes<ClContext>) -> Vec<Message<ClContext>> {
    let message = |outcome: &ProtocolOutcome<ClContext>| match outcome {
        ProtocolOutcome::CreatedGossipMessage(message) => Some(message.deserialize_expect()),
        _ => None,
    };
    outcomes.iter().filter_map(message).collect()
}

fn retry_timer(outcomes: &ProtocolOutcomes<ClContext>) -> Option<Timestamp> {
    outcomes.iter().find_map(|outcome| match outcome {
        ProtocolOutcome::ScheduleTimer(at, id) if *id == TIMER_ID_RETRY => Some(*at),
        _ => None,
    })
}

fn after(now: Timestamp, millis: u64) -> Option<Timestamp> {
    Some(now.saturating_add(TimeDiff::from_millis(millis)))
}

#[test]
fn a_refused_proposal_is_made_later() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Refuse);
    let outcomes = rig.propose(now);
    assert!(
        gossip(&outcomes).is_empty(),
        "nothing is sent without a signature"
    );
    assert_eq!(retry_timer(&outcomes), after(now, 100));

    let outcomes = rig.retry(now);
    assert!(gossip(&outcomes).is_empty());
    assert_eq!(retry_timer(&outcomes), after(now, 200), "the pause doubles");

    rig.feel(Mood::Sign);
    let sent = gossip(&rig.retry(now));
    let Some(Message::Proposal { proposal, echo, .. }) = sent.first() else {
        panic!("no proposal in {sent:?}");
    };
    assert_eq!(echo.content, Content::Echo(proposal.hash()));
    assert!(echo.verify_signature(&ALICE_PUBLIC_KEY));
    let outcomes = rig.retry(now);
    assert_eq!(retry_timer(&outcomes), None, "nothing is left to ask for");
    assert!(gossip(&outcomes).is_empty());
}

/// The echo was signed after all, too late for us; the other node was told it and has passed it on.
#[test]
fn a_proposal_is_made_with_the_echo_that_came_back() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Refuse);
    rig.propose(now);
    let (_, proposal) = rig.zug.refused.proposal.clone().expect("is held");
    let echo = Content::Echo(proposal.hash());
    rig.receive(&Keypair::from(ALICE_SECRET_KEY.clone()), echo, now);
    rig.asked();
    match &gossip(&rig.retry(now))[..] {
        [Message::Proposal { echo, .. }, ..] => {
            assert_eq!(echo.content, Content::Echo(proposal.hash()));
            assert!(echo.verify_signature(&ALICE_PUBLIC_KEY));
        }
        sent => panic!("sent {sent:?}"),
    }
    assert!(rig.zug.round_mut(0).has_proposal());
}

#[test]
fn a_proposal_is_not_sent_with_the_echo_of_another() {
    let theirs = Content::Echo(Digest::hash(b"the other node's block"));
    let mut rig = Rig::new(Mood::Bind(theirs));
    let outcomes = rig.propose(Timestamp::from(100_000));
    match &gossip(&outcomes)[..] {
        [Message::Signed(echo)] => {
            assert_eq!(echo.content, theirs);
            assert!(echo.verify_signature(&ALICE_PUBLIC_KEY));
        }
        sent => panic!("sent {sent:?}"),
    }
    assert!(
        !rig.zug.round_mut(0).has_proposal(),
        "our own block is dropped"
    );
    assert_eq!(retry_timer(&outcomes), None);
}

#[test]
fn what_is_forbidden_is_not_asked_for_again() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Forbid);
    let outcomes = rig.propose(now);
    assert!(gossip(&outcomes).is_empty());
    assert_eq!(retry_timer(&outcomes), None);
    rig.asked();
    rig.retry(now);
    assert_eq!(rig.asked(), 0);
}

/// A refused vote is cast even when its round is decided without us; Zug itself tries once only.
#[test]
fn a_refused_vote_is_cast_later() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Sign);
    let proposal = match &gossip(&rig.propose(now))[..] {
        [Message::Proposal { proposal, .. }, ..] => proposal.hash(),
        sent => panic!("sent {sent:?}"),
    };
    rig.feel(Mood::Refuse);
    let (bob, carol) = (
        Keypair::from(BOB_SECRET_KEY.clone()),
        Keypair::from(CAROL_SECRET_KEY.clone()),
    );
    let mut outcomes = rig.receive(&bob, Content::Echo(proposal), now);
    outcomes.extend(rig.receive(&carol, Content::Echo(proposal), now));
    assert!(gossip(&outcomes).is_empty());
    assert_eq!(retry_timer(&outcomes), after(now, 100));

    rig.feel(Mood::Sign);
    let sent = gossip(&rig.retry(now));
    assert!(
        matches!(&sent[..], [Message::Signed(vote), ..] if vote.content == Content::Vote(true)),
        "sent {sent:?}"
    );
}

#[test]
fn old_rounds_are_not_asked_for() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Refuse);
    rig.zug.first_non_finalized_round_id = 10;
    rig.zug.refused.insert(6, Content::Vote(true));
    rig.zug.refused.insert(7, Content::Vote(true));
    rig.zug
        .refused
        .insert(8, Content::Echo(Digest::hash(b"decided")));
    rig.asked();
    rig.zug.handle_retry_timer(now);
    assert_eq!(rig.asked(), 1, "the vote in round 7 only");
}

#[test]
fn the_pause_starts_anew_with_a_new_round() {
    let now = Timestamp::from(100_000);
    let mut refused = Rig::new(Mood::Refuse).zug;
    refused.refused.insert(1, Content::Vote(true));
    refused.refused.retries = 9;
    assert_eq!(retry_timer(&refused.schedule_retry(now)), after(now, 800));
    assert!(
        refused.schedule_retry(now).is_empty(),
        "one timer at a time"
    );
    refused.refused.timer_is_set = false;
    refused.refused.insert(2, Content::Vote(true));
    assert_eq!(retry_timer(&refused.schedule_retry(now)), after(now, 100));
}

/// An era is ended a blink after its last block. What is refused just then is still asked for, but not for ever.
#[test]
fn a_validator_retires_at_once_if_nothing_was_refused() {
    let mut zug = Rig::new(Mood::Sign).zug;
    zug.deactivate_validator();
    assert!(zug.active_validator.is_none());
}

#[test]
fn a_validator_retires_with_the_last_answer() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Sign);
    rig.zug.refused.insert(0, Content::Vote(true));
    assert!(rig.zug.refused.must_stay());
    assert_eq!(gossip(&rig.retry(now)).len(), 1);
    assert!(rig.zug.active_validator.is_none());
}

#[test]
fn a_validator_retires_without_an_answer() {
    let now = Timestamp::from(100_000);
    let mut rig = Rig::new(Mood::Refuse);
    rig.zug.refused.insert(0, Content::Vote(true));
    assert!(rig.zug.refused.must_stay());
    let retries = (0..100).take_while(|_| retry_timer(&rig.retry(now)).is_some());
    assert!(retries.count() < 10);
    assert!(rig.zug.active_validator.is_none());
}
