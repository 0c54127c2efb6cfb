use casper_types::{Approval, Digest, PublicKey, RewardedSignatures, SecretKey, SingleBlockRewardedSignatures, Signature, Timestamp, TransactionHash, TransactionV1Hash, DeployHash};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use blake2::{Blake2b, Digest as _, digest::consts::U32};

#[derive(Serialize, Deserialize, Clone)]
pub struct BlockPayload {
    transactions: BTreeMap<u8, Vec<(TransactionHash, BTreeSet<Approval>)>>,
    accusations: Vec<PublicKey>,
    rewarded_signatures: RewardedSignatures,
    random_bit: bool,
    current_gas_price: u8,
}
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ValidatorIndex(pub u32);
#[derive(Serialize, Deserialize, Clone)]
pub struct Proposal {
    timestamp: Timestamp,
    maybe_block: Option<Arc<BlockPayload>>,
    maybe_parent_round_id: Option<u32>,
    inactive: Option<BTreeSet<ValidatorIndex>>,
}
#[derive(Serialize, Deserialize, Clone, Copy)]
pub enum Content { Echo(Digest), Vote(bool) }
#[derive(Serialize, Deserialize, Clone)]
pub struct SignedMessage { round_id: u32, instance_id: Digest, content: Content, validator_idx: ValidatorIndex, signature: Signature }
#[derive(Serialize, Deserialize)]
pub enum Entry { SignedMessage(SignedMessage), Proposal(Proposal, u32), Evidence(SignedMessage, Content, Signature) }

fn h(b: &[u8]) -> [u8; 32] { Blake2b::<U32>::digest(b).into() }
fn sign(k: &SecretKey, round: u32, inst: Digest, c: Content, idx: u32) -> SignedMessage {
    let pre = bincode::serialize(&(round, inst, c, ValidatorIndex(idx))).unwrap();
    let s = casper_types::crypto::sign(h(&pre), k, &PublicKey::from(k));
    SignedMessage { round_id: round, instance_id: inst, content: c, validator_idx: ValidatorIndex(idx), signature: s }
}
fn main() {
    let ed = SecretKey::ed25519_from_bytes([7u8; 32]).unwrap();
    let sk = SecretKey::secp256k1_from_bytes([8u8; 32]).unwrap();
    let (edp, skp) = (PublicKey::from(&ed), PublicKey::from(&sk));
    let inst = Digest::hash(b"an era");
    let tx1 = TransactionHash::V1(TransactionV1Hash::from_raw([1; 32]));
    let tx2 = TransactionHash::Deploy(DeployHash::new(Digest::from([2u8; 32])));
    let ap = |k: &SecretKey, p: &PublicKey, t: &TransactionHash| Approval::new(p.clone(), casper_types::crypto::sign(t.digest(), k, p));
    let mut txs = BTreeMap::new();
    txs.insert(0u8, vec![(tx1, [ap(&ed, &edp, &tx1), ap(&sk, &skp, &tx1)].into_iter().collect::<BTreeSet<_>>())]);
    txs.insert(3u8, vec![(tx2, BTreeSet::from([ap(&sk, &skp, &tx2)])), (tx1, BTreeSet::new())]);
    txs.insert(4u8, vec![]);
    let keys = [edp.clone(), skp.clone()];
    let rs = RewardedSignatures::new(vec![
        SingleBlockRewardedSignatures::from_validator_set(&BTreeSet::from([edp.clone()]), keys.iter()),
        SingleBlockRewardedSignatures::from_validator_set(&BTreeSet::new(), [].iter()),
    ]);
    let block = BlockPayload { transactions: txs, accusations: vec![edp.clone(), PublicKey::System, skp.clone()], rewarded_signatures: rs, random_bit: true, current_gas_price: 3 };
    let p0 = Proposal { timestamp: Timestamp::from(1_700_000_000_000), maybe_block: Some(Arc::new(block.clone())), maybe_parent_round_id: None, inactive: None };
    let p1 = Proposal { timestamp: Timestamp::from(1_700_000_008_000), maybe_block: Some(Arc::new(block)), maybe_parent_round_id: Some(0), inactive: Some(BTreeSet::from([ValidatorIndex(2), ValidatorIndex(5)])) };
    let p2 = Proposal { timestamp: Timestamp::from(1_700_000_016_000), maybe_block: None, maybe_parent_round_id: Some(1), inactive: None };
    let hash = |p: &Proposal| Digest::from(h(&bincode::serialize(p).unwrap()));
    let v0 = sign(&ed, 0, inst, Content::Vote(true), 3);
    let v1 = sign(&ed, 1, inst, Content::Vote(false), 3);
    let v1b = sign(&ed, 1, inst, Content::Vote(true), 3);
    let e2 = sign(&ed, 2, inst, Content::Echo(hash(&p1)), 3);
    let e2b = sign(&ed, 2, inst, Content::Echo(hash(&p2)), 3);
    let entries = vec![
        Entry::SignedMessage(sign(&ed, 0, inst, Content::Echo(hash(&p0)), 3)),
        Entry::Proposal(p0, 0),
        Entry::SignedMessage(sign(&sk, 0, inst, Content::Vote(true), 1)),
        Entry::SignedMessage(v0),
        Entry::SignedMessage(v1.clone()),
        Entry::Proposal(p1, 1),
        Entry::Proposal(p2, 2),
        Entry::Evidence(v1, v1b.content, v1b.signature),
        Entry::Evidence(e2, e2b.content, e2b.signature),
    ];
    let mut out = Vec::new();
    for e in entries {
        let n = bincode::serialized_size(&e).unwrap();
        out.extend(n.to_le_bytes());
        bincode::serialize_into(&mut out, &e).unwrap();
    }
    println!("{}", edp.to_hex_string_or());
    println!("{}", hex::encode(inst.value()));
    println!("{}", hex::encode(out));
}
trait H { fn to_hex_string_or(&self) -> String; }
impl H for PublicKey { fn to_hex_string_or(&self) -> String { use casper_types::AsymmetricType; self.to_hex() } }
