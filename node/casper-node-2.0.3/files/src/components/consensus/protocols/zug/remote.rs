//! Zug with a key that is elsewhere: a message may be refused, or come back with other content.
//!
//! With a local key nothing is ever refused, so that nothing here has any effect.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, mem};

use datasize::DataSize;
use tracing::{debug, error, warn};

use casper_remote_signer::{Answer, Message as Request};
use casper_types::{Digest, Signature, TimeDiff, Timestamp};

use super::{
    message::{Content, Message, SignedMessage},
    proposal::{HashedProposal, Proposal},
    RoundId, Zug, ZugWalEntry,
};
use crate::{
    components::consensus::{
        cl_context::ClContext,
        consensus_protocol::{ProtocolOutcome, ProtocolOutcomes},
        era_supervisor::SerializedMessage,
        traits::{Context, ValidatorSecret},
        utils::ValidatorIndex,
        TimerId,
    },
    remote_signing::{signature, RemoteKey, Verdict},
};

/// The timer for asking again.
pub(super) const TIMER_ID_RETRY: TimerId = TimerId(3);

/// How long the reactor waits for an answer: everything in the node waits with it.
const DEADLINE: std::time::Duration = std::time::Duration::from_millis(250);
/// The first pause before asking again, doubled each time up to eightfold.
const RETRY_AFTER_MILLIS: u64 = 100;
const MAX_DOUBLINGS: u32 = 3;
/// How often an ended era's messages are asked for: a little over three seconds.
const LAST_RETRIES: u32 = 6;
/// How many finalized rounds' votes are still asked for. The others can do without them, but a validator who is always
/// too late would count as inactive.
const FINALIZED_ROUNDS: RoundId = 3;

/// What was refused, to be asked for again.
#[derive(Debug, DataSize)]
pub(super) struct Refused<C>
where
    C: Context,
{
    /// By round, echo before vote.
    contents: BTreeMap<(RoundId, bool), Content<C>>,
    /// The block that could not be proposed, for lack of the leader's echo.
    proposal: Option<(RoundId, Proposal<C>)>,
    /// The highest round in which something was refused, and how often it was asked for again since.
    newest: RoundId,
    retries: u32,
    timer_is_set: bool,
    /// The era has ended: the validator retires with the last answer.
    retiring: bool,
}

impl<C: Context> Default for Refused<C> {
    fn default() -> Self {
        Refused {
            contents: BTreeMap::new(),
            proposal: None,
            newest: 0,
            retries: 0,
            timer_is_set: false,
            retiring: false,
        }
    }
}

impl<C: Context> Refused<C> {
    fn key(round_id: RoundId, content: &Content<C>) -> (RoundId, bool) {
        (round_id, matches!(content, Content::Vote(_)))
    }

    fn insert(&mut self, round_id: RoundId, content: Content<C>) {
        if round_id > self.newest {
            self.newest = round_id;
            self.retries = 0;
        }
        let held = self.contents.entry(Self::key(round_id, &content));
        let held = held.or_insert(content);
        // A vote for a block is not taken back: with a local key it would have been cast.
        if *held != Content::Vote(true) {
            *held = content;
        }
    }

    fn remove(&mut self, round_id: RoundId, content: &Content<C>) {
        self.contents.remove(&Self::key(round_id, content));
    }

    /// Keeps a proposal in the place of its echo, if that was refused.
    pub(super) fn hold_proposal(
        &mut self,
        round_id: RoundId,
        echo: &Content<C>,
        proposal: Proposal<C>,
    ) {
        if self.contents.remove(&Self::key(round_id, echo)).is_some() {
            self.proposal = Some((round_id, proposal));
        }
    }

    /// Whether the validator has to stay for a moment after its era's end, which comes a blink after the last block: long
    /// enough for the cosigners to elect a leader and sign the last votes.
    fn must_stay(&mut self) -> bool {
        self.retiring = !self.is_empty() && self.retries < LAST_RETRIES;
        self.retiring
    }

    fn is_empty(&self) -> bool {
        self.contents.is_empty() && self.proposal.is_none()
    }
}

impl<C: Context + 'static> Zug<C> {
    /// Signs a message, or notes that it was refused. The content of what is returned may differ from what was asked
    /// for: then the other node of this validator has signed first.
    pub(super) fn request_message(
        &mut self,
        round_id: RoundId,
        content: Content<C>,
    ) -> Option<SignedMessage<C>> {
        let active = self.active_validator.as_ref()?;
        let (instance_id, validator_idx) = (*self.params.instance_id(), active.idx);
        let preimage = bincode::serialize(&(round_id, instance_id, content, validator_idx))
            .map_err(|error| error!(%error, "failed to serialize fields"))
            .ok()?;
        let verdict = active
            .secret
            .sign_message(&preimage, &<C as Context>::hash(&preimage));
        let (content, signature) = match verdict {
            Verdict::Signed(signature) => (content, signature),
            Verdict::Bound(bytes, signature) => (bincode::deserialize(&bytes).ok()?, signature),
            Verdict::Refused => {
                self.refused.insert(round_id, content);
                return None;
            }
            Verdict::Forbidden => {
                self.refused.remove(round_id, &content);
                return None;
            }
        };
        self.refused.remove(round_id, &content);
        Some(SignedMessage {
            round_id,
            instance_id,
            content,
            validator_idx,
            signature,
        })
    }

    /// Whether the validator has to stay although its era has ended, for what was refused.
    pub(super) fn must_stay(&mut self) -> bool {
        self.finalized_switch_block() && self.refused.must_stay()
    }

    /// Sets the timer for asking again, if anything was refused and no timer is set.
    pub(super) fn schedule_retry(&mut self, now: Timestamp) -> ProtocolOutcomes<C> {
        if self.refused.is_empty() || self.refused.timer_is_set {
            return vec![];
        }
        self.refused.timer_is_set = true;
        let doublings = self.refused.retries.min(MAX_DOUBLINGS);
        let pause = TimeDiff::from_millis(RETRY_AFTER_MILLIS << doublings);
        vec![ProtocolOutcome::ScheduleTimer(
            now.saturating_add(pause),
            TIMER_ID_RETRY,
        )]
    }

    /// Asks again for all that was refused, as far as it still matters. Nothing else would: Zug takes a vote for cast
    /// once it has tried.
    pub(super) fn handle_retry_timer(&mut self, now: Timestamp) -> ProtocolOutcomes<C> {
        self.refused.timer_is_set = false;
        self.refused.retries = self.refused.retries.saturating_add(1);
        if self.paused {
            return self.schedule_retry(now);
        }
        let contents = mem::take(&mut self.refused.contents);
        let proposal = self.refused.proposal.take();
        if self.active_validator.is_none() || self.evidence_only {
            return vec![];
        }
        let mut outcomes = vec![];
        if let Some((round_id, proposal)) = proposal {
            if round_id == self.current_round && !self.round_mut(round_id).has_proposal() {
                outcomes.extend(self.propose_again(round_id, proposal));
            }
        }
        let first_open = self.first_non_finalized_round_id;
        for ((round_id, is_vote), content) in contents {
            let late_vote = is_vote && round_id >= first_open.saturating_sub(FINALIZED_ROUNDS);
            if round_id >= first_open || late_vote {
                outcomes.extend(self.create_and_gossip_message(round_id, content));
            }
        }
        outcomes.extend(self.update(now));
        if self.refused.retiring && !self.refused.must_stay() {
            self.active_validator = None;
            return outcomes;
        }
        outcomes.extend(self.schedule_retry(now));
        outcomes
    }

    /// Proposes a block whose echo was refused. If the echo has come back through the network meanwhile, because it was
    /// signed after all and the other node of this validator has passed it on, then nothing is left to ask for.
    fn propose_again(&mut self, round_id: RoundId, proposal: Proposal<C>) -> ProtocolOutcomes<C> {
        let hashed = HashedProposal::new(proposal.clone());
        let Some(echo) = self.own_echo(round_id, *hashed.hash()) else {
            return self.create_echo_and_proposal(proposal);
        };
        let entry = ZugWalEntry::Proposal(proposal.clone(), round_id);
        if !self.record_entry(&entry) || !self.round_mut(round_id).insert_proposal(hashed) {
            return vec![];
        }
        self.mark_dirty(round_id);
        let message = Message::Proposal {
            round_id,
            instance_id: echo.instance_id,
            proposal,
            echo,
        };
        vec![ProtocolOutcome::CreatedGossipMessage(
            SerializedMessage::from_message(&message),
        )]
    }

    /// Our echo of a proposal, if it is known.
    fn own_echo(&self, round_id: RoundId, hash: C::Hash) -> Option<SignedMessage<C>> {
        let validator_idx = self.active_validator.as_ref()?.idx;
        let signature = *self
            .round(round_id)?
            .echoes()
            .get(&hash)?
            .get(&validator_idx)?;
        Some(SignedMessage {
            round_id,
            instance_id: *self.params.instance_id(),
            content: Content::Echo(hash),
            validator_idx,
            signature,
        })
    }

    /// The message that passes on an echo of a block that the other node of this validator has proposed. Our own
    /// proposal is dropped: with a foreign echo it would be a message that nobody accepts.
    pub(super) fn pass_on(echo: SignedMessage<C>) -> ProtocolOutcomes<C> {
        vec![ProtocolOutcome::CreatedGossipMessage(
            SerializedMessage::from_message(&Message::Signed(echo)),
        )]
    }
}

impl RemoteKey {
    /// Asks the cosigners to sign a Zug message, of which the preimage is given. Blocks for the deadline at most.
    pub(crate) fn sign_zug(&self, preimage: &[u8]) -> Verdict<Signature> {
        let Some((request, is_vote)) = self.zug_request(preimage) else {
            return Verdict::Forbidden;
        };
        match self.signer().sign(&request, DEADLINE) {
            Answer::Signed(bytes) => signature(bytes).map_or(Verdict::Refused, Verdict::Signed),
            Answer::Bound {
                message,
                signature: bytes,
            } => {
                debug!(?request, bound = ?message, "the other node has signed first");
                match (bound_content(&message), signature(bytes)) {
                    (Some(content), Some(signature)) => Verdict::Bound(content, signature),
                    _ => Verdict::Refused,
                }
            }
            Answer::Refused(refusal) if refusal.is_final() => {
                warn!(%refusal, is_vote, "a consensus message will not be signed");
                Verdict::Forbidden
            }
            Answer::Refused(_) | Answer::Unavailable(_) => Verdict::Refused,
        }
    }

    fn zug_request(&self, preimage: &[u8]) -> Option<(Request, bool)> {
        let (round_id, instance_id, content, ValidatorIndex(index)): (
            RoundId,
            Digest,
            Content<ClContext>,
            ValidatorIndex,
        ) = bincode::deserialize(preimage).ok()?;
        let round = self.round(&instance_id, round_id, index)?;
        Some(match content {
            Content::Echo(hash) => (
                Request::ZugEcho {
                    round,
                    proposal_hash: hash.value(),
                },
                false,
            ),
            Content::Vote(value) => (Request::ZugVote { round, value }, true),
        })
    }
}

/// The bincode of the content of a Zug message.
fn bound_content(message: &Request) -> Option<Vec<u8>> {
    let content: Content<ClContext> = match message {
        Request::ZugEcho { proposal_hash, .. } => Content::Echo(Digest::from(*proposal_hash)),
        Request::ZugVote { value, .. } => Content::Vote(*value),
        _ => return None,
    };
    bincode::serialize(&content).ok()
}
