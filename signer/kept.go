package signer

import (
	"sync"

	"casper-cosigner/rule/casper"
)

// keptSignatures is how many signatures are kept: more than two eras of eight-second rounds. A forgotten one costs its
// next asker another round of shares, nothing else.
const keptSignatures = 16384

// kept holds the newest signatures by digest, in memory only.
type kept struct {
	mu       sync.Mutex
	byDigest map[casper.Hash]keptSignature
	ring     []casper.Hash // in order of arrival; the next one to go is at next
	next     int
}

type keptSignature struct {
	signature casper.Signature
	checked   bool // false while it is another cosigner's word only
}

func newKept() *kept { return &kept{byDigest: map[casper.Hash]keptSignature{}} }

// get returns the signature of the message, if one is kept that is valid.
func (k *kept) get(digest casper.Hash, m casper.Message, key casper.PublicKey) (casper.Signature, bool) {
	k.mu.Lock()
	s, ok := k.byDigest[digest]
	k.mu.Unlock()
	if !ok || s.checked {
		return s.signature, ok
	}
	if !key.Verify(m, s.signature) {
		return casper.Signature{}, false
	}
	k.put(digest, s.signature)
	return s.signature, true
}

// put keeps a signature that is known to be valid.
func (k *kept) put(digest casper.Hash, s casper.Signature) {
	k.store(digest, keptSignature{signature: s, checked: true})
}

// offer keeps a signature unless there is a checked one.
func (k *kept) offer(digest casper.Hash, s casper.Signature) {
	k.store(digest, keptSignature{signature: s})
}

func (k *kept) store(digest casper.Hash, s keptSignature) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old, ok := k.byDigest[digest]; ok {
		if s.checked || !old.checked {
			k.byDigest[digest] = s
		}
		return
	}
	if len(k.ring) < keptSignatures {
		k.ring = append(k.ring, digest)
	} else {
		delete(k.byDigest, k.ring[k.next])
		k.ring[k.next] = digest
		k.next = (k.next + 1) % keptSignatures
	}
	k.byDigest[digest] = s
}
