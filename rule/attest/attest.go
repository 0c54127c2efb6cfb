// Package attest is what cosigners say to a node that holds the validator's key itself.
//
// Such a node, a stock casper-node, wants no share of a signature. It wants to know that a slot
// holds what it is about to sign, and can hold nothing else any more. So each cosigner whose own
// log and ledger hold the message, by the very rule of a share (package held), signs an
// [Attestation] of that with the key of its certificate. Whoever has those of a threshold of
// different cosigners may sign, whoever brought them: two thresholds have an honest cosigner in
// common, and its ledger takes one value a slot.
//
// What suffices is a [Proof], which nothing else makes: whoever demands one need not ask whence it
// came.
//
// It promises that an attestation counts for one cluster, validator, slot and digest, and for
// nothing else that the same key signs; that one cosigner counts once; and that nothing is attested
// but what fills the slot of a round.
//
// An attestation has no date, and may be shown again for ever: what the slot of a round was bound
// to, it stays bound to. The heights can be reset by an operator, and then hold something else:
// that is why none is attested. When the cosigners change, the cluster's id does, and what the old
// ones attested counts no more.
//
// It leaves to others when an attestation may be made (cosigner), and which nodes hold the key: the
// cluster file says so.
package attest

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"casper-cosigner/rule/casper"
)

// tag begins what is signed, so that no attestation can pass for anything else that the same key
// signs.
const tag = "casper-cosigner attestation 1\x00"

// Holding is what a slot of a round holds. Of makes one.
type Holding struct {
	Slot   casper.Slot
	Digest casper.Hash // of what is signed
}

// Of returns what the message's slot holds if it holds the message; false unless that is the slot
// of a round.
func Of(m casper.Message) (Holding, bool) {
	slot, ok := casper.SlotOf(m)
	if !ok || slot.OfHeight() {
		return Holding{}, false
	}
	return Holding{Slot: slot, Digest: casper.Digest(m)}, true
}

// OfBallot is Of for whoever has a message's short form, and was told the era. Who says another era
// than the instance's makes something that nobody attests.
func OfBallot(b casper.Ballot, era uint64) (Holding, bool) {
	digest, ok := b.Digest()
	if !ok {
		return Holding{}, false
	}
	return Holding{Digest: digest, Slot: casper.Slot{Kind: b.Kind, Era: era, Round: b.Round, Instance: b.Instance,
		Validator: b.Validator}}, true
}

// Attestation is a cosigner's word that its own log and ledger hold something.
type Attestation struct {
	Cosigner  string // that gives it, as it says
	Signature [64]byte
}

// Cluster is whose attestations count, and how many it takes. The zero Cluster takes none.
type Cluster struct {
	ID        [16]byte
	Validator casper.PublicKey
	Threshold int
	Cosigners map[string]ed25519.PublicKey // by name
}

// text is the tag, the cluster's id, the cosigner's name after its length, the validator's key, the
// slot's kind, era, instance, validator index and round, and the digest; numbers are big-endian.
func (c Cluster) text(cosigner string, h Holding) []byte {
	b := append(make([]byte, 0, 256), tag...)
	b = append(append(append(b, c.ID[:]...), byte(len(cosigner))), cosigner...)
	b = append(append(b, c.Validator[:]...), byte(h.Slot.Kind))
	b = append(binary.BigEndian.AppendUint64(b, h.Slot.Era), h.Slot.Instance[:]...)
	b = binary.BigEndian.AppendUint32(b, h.Slot.Validator)
	b = binary.BigEndian.AppendUint32(b, h.Slot.Round)
	return append(b, h.Digest[:]...)
}

// Sign is the named cosigner's attestation, by its key.
func (c Cluster) Sign(key ed25519.PrivateKey, cosigner string, h Holding) Attestation {
	return Attestation{Cosigner: cosigner, Signature: [64]byte(ed25519.Sign(key, c.text(cosigner, h)))}
}

// errForged says that an attestation counts for nothing.
var errForged = errors.New("its attestation is of something else, or not signed by it")

// Verify returns nil if the attestation is a cosigner's of this cluster, and of this.
func (c Cluster) Verify(h Holding, a Attestation) error {
	key, known := c.Cosigners[a.Cosigner]
	switch {
	case !known:
		return fmt.Errorf("%q is no cosigner of this cluster", a.Cosigner)
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, c.text(a.Cosigner, h), a.Signature[:]):
		return fmt.Errorf("cosigner %q: %w", a.Cosigner, errForged)
	}
	return nil
}

// Suffice returns nil if a threshold of different cosigners attest this. Attestations beyond the
// number of cosigners are not looked at, and those that count for nothing harm nobody else's.
func (c Cluster) Suffice(h Holding, all []Attestation) error {
	var faults []error
	counted := map[string]bool{}
	for _, a := range all[:min(len(all), len(c.Cosigners))] {
		if err := c.Verify(h, a); err != nil {
			faults = append(faults, err)
			continue
		}
		counted[a.Cosigner] = true
	}
	if c.Threshold < 1 || len(counted) < c.Threshold {
		return errors.Join(fmt.Errorf("%d cosigners attest %v, needed are %d", len(counted), h.Slot, c.Threshold),
			errors.Join(faults...))
	}
	return nil
}
