// Package cosigner gives signature shares and collects them.
//
// A cosigner holds one share of the validator's key. [Server] answers the other
// cosigners: it hands out one-time commitments and, for a message that a node
// asked for, one share. [Quorum] is the other side, used by the Raft leader: it
// gathers the shares of t cosigners and returns the finished signature. [Keyring]
// says who holds which share. [Ledger] is the durable map from slot to digest that
// stands in front of every share; it is filled from the log before the first one
// leaves. A node that holds the validator's key itself is given attestations (package
// attest) instead, by the same steps up to the share.
//
// It promises: a share or an attestation for a slot leaves only after this cosigner's
// own ledger holds that slot's digest durably; never shares for two digests of one slot,
// whatever it is asked and however it crashes; a nonce is used at most once;
// what is signed is built here from a typed message that a registered node
// signed.
//
// It leaves to others: what the log holds and who may claim (signer,
// raftstore), who calls and on which state (cluster, peer), FROST itself (frost),
// and ending the process when its disk can no longer be trusted (the Fatal port).
package cosigner
