package cluster

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"casper-cosigner/rule/casper"
)

// verifiedKept is how many verifications are remembered: what is under way at a time, with room. A
// request comes again within the same signature or not at all.
const verifiedKept = 4096

// Verifier verifies what nodes sign, for one process. It remembers what it found right, so that the
// same request is verified once, by whoever of the process sees it first: a leader that has
// admitted a request need not verify it again for its own share. Nothing is passed on that could
// claim so. It may be used concurrently. File.Verifier makes one.
type Verifier struct {
	file   *File
	verify func(key ed25519.PublicKey, text, signature []byte) bool // ed25519.Verify
	last   uint64                                                   // entry of the own log as the process began

	mu    sync.Mutex
	right map[proof]struct{}
	order []proof // of right, a ring once it is full
	next  int     // in order, to be forgotten next
}

// proof stands for a key, a text and a signature that is right, and for nothing else.
type proof [sha256.Size]byte

// Verifier returns one for the members of this file, which takes no retired key.
func (f *File) Verifier() *Verifier {
	return &Verifier{file: f, verify: ed25519.Verify, right: map[proof]struct{}{}}
}

// VerifierAt returns one for a process that began with a log of so many entries. What was retired
// later than that it does not take: see RetiredEntry.
func (f *File) VerifierAt(last uint64) *Verifier {
	v := f.Verifier()
	v.last = last
	return v
}

// VerifyRequest returns ErrRequestSignature unless the named node's failover key signed its request
// for the message, asked at that index; see File.SignRequest.
func (v *Verifier) VerifyRequest(node string, m casper.Message, askedAt uint64, signature [64]byte) error {
	text, err := v.file.requestText(node, m, askedAt)
	if err != nil {
		return err
	}
	return v.signed(node, text, signature)
}

// VerifyClaimed is VerifyRequest for a message that the log holds: it also takes a key that the
// cluster file lists as retired, for what the node asked before. Without that, a slot that was
// claimed and not finished could never be.
func (v *Verifier) VerifyClaimed(node string, m casper.Message, askedAt uint64, signature [64]byte) error {
	text, err := v.file.requestText(node, m, askedAt)
	if err != nil {
		return err
	}
	err = v.signed(node, text, signature)
	for _, e := range v.file.Retired {
		if err != nil && e.Name == node && e.takes(askedAt, v.last) && v.isRight(e.Key, text, signature) {
			return nil
		}
	}
	return err
}

// VerifyRegistration returns ErrRequestSignature unless the named node's failover key signed
// the registration, asked for at that index.
func (v *Verifier) VerifyRegistration(node string, point casper.TLSPoint, askedAt uint64, signature [64]byte) error {
	return v.signed(node, v.file.registrationText(node, point, askedAt), signature)
}

func (v *Verifier) signed(node string, text []byte, signature [64]byte) error {
	m, ok := v.file.Member(node)
	if !ok || m.Role != Node {
		return fmt.Errorf("node %q is not in the cluster file: %w", node, ErrRequestSignature)
	}
	if !v.isRight(m.Key, text, signature) {
		return ErrRequestSignature
	}
	return nil
}

// isRight is ed25519.Verify, for what was not found right before.
func (v *Verifier) isRight(key Key, text []byte, signature [64]byte) bool {
	// Keys and signatures are of one length each, so no two triples hash alike.
	p := proof(sha256.Sum256(slices.Concat(key, signature[:], text)))
	if v.knows(p) {
		return true
	}
	if !v.verify(ed25519.PublicKey(key), text, signature[:]) {
		return false
	}
	v.remember(p)
	return true
}

func (v *Verifier) knows(p proof) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, ok := v.right[p]
	return ok
}

// remember adds p, in place of the oldest if there are enough.
func (v *Verifier) remember(p proof) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.right[p]; ok {
		return // two verified it at once
	}
	v.right[p] = struct{}{}
	if len(v.order) < verifiedKept {
		v.order = append(v.order, p)
		return
	}
	delete(v.right, v.order[v.next])
	v.order[v.next] = p
	v.next = (v.next + 1) % verifiedKept
}
