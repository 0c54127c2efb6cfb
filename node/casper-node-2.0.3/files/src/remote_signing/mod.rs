//! The validator's key when it is not on this machine.
//!
//! With `[consensus.remote_signer]` in the configuration nothing in this process can sign: consensus messages, finality
//! signatures and handshake certificates are asked of casper-cosigner, through the agent beside this node. Without it
//! nothing here is used and the node is as published.
//!
//! The other parts: `components/consensus/protocols/zug/remote.rs` asks for Zug messages and keeps what was refused,
//! `finality` and `handshake` beside this file do the rest.

pub(crate) mod finality;
pub(crate) mod handshake;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{bail, Context};
use casper_remote_signer as client;
use datasize::DataSize;
use serde::{Deserialize, Serialize};
use tracing::error;

use casper_types::{
    AsymmetricType, BlockHash, Chainspec, ConsensusProtocolName, Digest, EraId, PublicKey,
    SecretKey, Signature,
};

use crate::{
    components::consensus::Config as ConsensusConfig, reactor::main_reactor::Error, utils::External,
};

/// How many eras' identifiers are kept. Zug votes in the newest one and in the one before.
const ERAS_KEPT: usize = 4;

/// `[consensus.remote_signer]`.
#[derive(Clone, DataSize, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The unix socket of this node's agent.
    pub socket: PathBuf,
    /// The validator's public key, in hex.
    pub public_key: String,
}

/// The key with which this node signs as a validator.
#[derive(Clone, DataSize)]
pub enum SigningKey {
    /// The key itself.
    Local(Arc<SecretKey>),
    /// Cosigners hold it.
    Remote(#[data_size(skip)] RemoteKey),
    /// A test decides.
    #[cfg(test)]
    Scripted(#[data_size(skip)] Arc<dyn Fn(&[u8]) -> Verdict<Signature> + Send + Sync>),
}

/// What became of a request for a Zug signature.
pub enum Verdict<S> {
    /// It is signed.
    Signed(S),
    /// The slot holds other content: its bincode, and its signature.
    Bound(Vec<u8>, S),
    /// It is not signed now. To be asked again.
    Refused,
    /// It will never be signed.
    Forbidden,
}

/// A handle on the cosigners.
#[derive(Clone)]
pub struct RemoteKey(Arc<Inner>);

struct Inner {
    signer: client::Signer,
    public_key: PublicKey,
    /// What each instance ID is the hash of.
    eras: Mutex<BTreeMap<EraId, Era>>,
    reconnects: handshake::Reconnects,
}

/// The preimage of an instance ID.
#[derive(Clone, Copy)]
struct Era {
    instance_id: Digest,
    chainspec_hash: Digest,
    key_block_hash: BlockHash,
}

/// Loads what `[consensus]` names: a key file or a remote signer. To give both is an error, because the file would be a
/// key left behind.
pub(crate) fn load_keys(
    config: &ConsensusConfig,
    root: &Path,
    chainspec: &Chainspec,
) -> Result<(SigningKey, PublicKey), Error> {
    match &config.remote_signer {
        None => {
            let (secret_key, public_key) = config.load_keys(root)?;
            Ok((SigningKey::Local(secret_key), public_key))
        }
        Some(remote) => {
            let key = RemoteKey::start(config, remote, chainspec)?;
            let public_key = key.0.public_key.clone();
            Ok((SigningKey::Remote(key), public_key))
        }
    }
}

impl From<Arc<SecretKey>> for SigningKey {
    fn from(secret_key: Arc<SecretKey>) -> Self {
        SigningKey::Local(secret_key)
    }
}

impl SigningKey {
    /// The key itself, if it is here.
    pub(crate) fn local(&self) -> Option<&Arc<SecretKey>> {
        match self {
            SigningKey::Local(secret_key) => Some(secret_key),
            _ => None,
        }
    }

    /// The key itself. Without one nobody comes here: Highway would, but is refused at the start.
    pub(crate) fn expect_local(&self) -> &Arc<SecretKey> {
        self.local().expect("a remote signer signs for Zug only")
    }

    /// Notes an era's identifiers: a request for a signature carries them, so that a cosigner can check the instance ID.
    pub(crate) fn open_era(
        &self,
        instance_id: Digest,
        chainspec_hash: Digest,
        era_id: EraId,
        key_block_hash: BlockHash,
    ) {
        if let SigningKey::Remote(remote) = self {
            let mut eras = remote.eras();
            eras.insert(
                era_id,
                Era {
                    instance_id,
                    chainspec_hash,
                    key_block_hash,
                },
            );
            while eras.len() > ERAS_KEPT {
                eras.pop_first();
            }
        }
    }
}

impl RemoteKey {
    fn start(
        config: &ConsensusConfig,
        remote: &Config,
        chainspec: &Chainspec,
    ) -> Result<Self, anyhow::Error> {
        if config.secret_key_path != External::Missing {
            bail!(
                "[consensus] has both secret_key_path and remote_signer: remove secret_key_path, \
                 and destroy the key file that it names"
            );
        }
        if chainspec.core_config.consensus_protocol != ConsensusProtocolName::Zug {
            bail!("[consensus.remote_signer] works with Zug only, and this chain runs Highway");
        }
        let public_key = PublicKey::from_hex(&remote.public_key)
            .context("[consensus.remote_signer] public_key is not a public key in hex")?;
        let PublicKey::Ed25519(bytes) = &public_key else {
            bail!("[consensus.remote_signer] public_key is not an Ed25519 key (01...)");
        };
        let signer = client::Signer::start(client::Config {
            socket: remote.socket.clone(),
            public_key: bytes.to_bytes(),
        })?;
        Ok(RemoteKey(Arc::new(Inner {
            signer,
            public_key,
            eras: Mutex::default(),
            reconnects: handshake::Reconnects::default(),
        })))
    }

    /// The round of a Zug message as a cosigner wants it, if the instance is one that was opened.
    pub(crate) fn round(
        &self,
        instance_id: &Digest,
        round_id: u32,
        validator_index: u32,
    ) -> Option<client::ZugRound> {
        let eras = self.eras();
        let found = eras.iter().find(|(_, era)| era.instance_id == *instance_id);
        let Some((era_id, era)) = found else {
            error!(%instance_id, "no era of this instance is open");
            return None;
        };
        let round = client::ZugRound {
            chainspec_hash: era.chainspec_hash.value(),
            era_id: era_id.value(),
            key_block_hash: era.key_block_hash.inner().value(),
            round_id,
            validator_index,
        };
        // A signature over another instance would be valid, and useless.
        if round.instance_id() != instance_id.value() {
            error!(%instance_id, "the client hashes the instance otherwise");
            return None;
        }
        Some(round)
    }

    pub(crate) fn signer(&self) -> &client::Signer {
        &self.0.signer
    }

    pub(crate) fn public_key(&self) -> &PublicKey {
        &self.0.public_key
    }

    fn eras(&self) -> MutexGuard<'_, BTreeMap<EraId, Era>> {
        self.0.eras.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An Ed25519 signature that the client has verified.
pub(crate) fn signature(bytes: [u8; 64]) -> Option<Signature> {
    Signature::ed25519(bytes)
        .map_err(|error| error!(%error, "a verified signature is not one of Casper's"))
        .ok()
}
