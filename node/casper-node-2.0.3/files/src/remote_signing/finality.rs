//! Finality signatures by remote signing.

use std::{future::Future, time::Duration};

use casper_remote_signer::{Answer, Message as Request};
use futures::FutureExt;
use smallvec::smallvec;
use tokio::time::Instant;
use tracing::{error, info, warn};

use casper_types::{BlockHeaderV2, ChainNameDigest, Chainspec, FinalitySignatureV2};

use super::{signature, RemoteKey, SigningKey};
use crate::{
    components::block_accumulator,
    effect::{EffectBuilder, Effects},
    protocol::Message,
    reactor::main_reactor::MainEvent,
    types::ValidatorMatrix,
};

/// How long one request may take. Nothing else waits for it.
const DEADLINE: Duration = Duration::from_secs(3);
/// The pause after a refusal, doubled each time up to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// When to stop asking. A signature is rewarded within six blocks, and of use to storage for longer.
const GIVE_UP_AFTER: Duration = Duration::from_secs(600);

/// Asks for the finality signature of an executed block, if this node is a remotely signing validator of its era, and
/// then does with it what the reactor does with one of its own: store, broadcast, accumulate. It goes on asking, since
/// the reactor comes here once a block.
pub(crate) fn sign(
    effect_builder: EffectBuilder<MainEvent>,
    matrix: &ValidatorMatrix,
    chainspec: &Chainspec,
    header: &BlockHeaderV2,
) -> Effects<MainEvent> {
    let SigningKey::Remote(key) = matrix.signing_key() else {
        return Effects::new();
    };
    if matrix.is_self_validator_in_era(header.era_id()) != Some(true) {
        return Effects::new();
    }
    let signed = ask(key.clone(), header.clone(), chainspec.name_hash());
    let effect = async move {
        let Some(signed) = signed.await else {
            return smallvec![];
        };
        effect_builder
            .put_finality_signature_to_storage(signed.clone().into())
            .await;
        effect_builder
            .broadcast_message_to_validators(
                Message::FinalitySignature(Box::new(signed.clone())),
                signed.era_id(),
            )
            .await;
        smallvec![MainEvent::BlockAccumulator(
            block_accumulator::Event::CreatedFinalitySignature {
                finality_signature: Box::new(signed),
            },
        )]
    };
    smallvec![effect.boxed()]
}

fn ask(
    key: RemoteKey,
    header: BlockHeaderV2,
    chain: ChainNameDigest,
) -> impl Future<Output = Option<FinalitySignatureV2>> {
    let request = Request::FinalitySignature {
        block_hash: header.block_hash().inner().value(),
        block_height: header.height(),
        era_id: header.era_id().value(),
        chain_name_hash: chain.inner().value(),
    };
    async move {
        let height = header.height();
        let start = Instant::now();
        let mut pause = SHORTEST_PAUSE;
        while start.elapsed() < GIVE_UP_AFTER {
            match key.signer().sign_async(request.clone(), DEADLINE).await {
                Answer::Signed(bytes) => return assemble(&key, &header, chain, bytes),
                Answer::Bound { message, .. } => {
                    error!(height, ours = %header.block_hash(), theirs = ?message,
                        "another block of this height is signed: is this node on a fork?");
                    return None;
                }
                Answer::Refused(refusal) if refusal.is_final() => {
                    warn!(height, %refusal, "no finality signature");
                    return None;
                }
                Answer::Refused(_) | Answer::Unavailable(_) => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        info!(height, "no finality signature: nobody answered in time");
        None
    }
}

/// Builds a FinalitySignatureV2. It has no public constructor, but its fields in this order are its bincode.
fn assemble(
    key: &RemoteKey,
    header: &BlockHeaderV2,
    chain: ChainNameDigest,
    bytes: [u8; 64],
) -> Option<FinalitySignatureV2> {
    let fields = (
        header.block_hash(),
        header.height(),
        header.era_id(),
        chain,
        signature(bytes)?,
        key.public_key(),
    );
    let signed = bincode::serialize(&fields)
        .and_then(|bytes| bincode::deserialize::<FinalitySignatureV2>(&bytes))
        .map_err(|error| error!(%error, "assembling a finality signature"))
        .ok()?;
    // The client has verified the bytes that it built. This verifies what the node will send.
    signed
        .is_verified()
        .map_err(|error| error!(%error, "a finality signature was assembled wrongly"))
        .ok()?;
    Some(signed)
}
