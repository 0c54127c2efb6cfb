package signer

import (
	"sync"

	"casper-cosigner/rule/casper"
)

// keptSignatures is how many signatures are kept: more than two eras of eight-second rounds. A
// forgotten one costs its next asker another round of shares, nothing else.
const keptSignatures = 16384

// signatures holds the newest signatures by digest, in memory only.
type signatures struct {
	mu       sync.Mutex
	byDigest map[casper.Hash]madeSignature
	ring     []casper.Hash // in order of arrival; the next one to go is at next
	next     int
}

type madeSignature struct {
	signature casper.Signature
	checked   bool // false while it is another cosigner's word only
}

func newSignatures() *signatures { return &signatures{byDigest: map[casper.Hash]madeSignature{}} }

// get returns the signature of the message, if one is kept that is valid.
func (m *signatures) get(digest casper.Hash, of casper.Message, key casper.PublicKey) (casper.Signature, bool) {
	m.mu.Lock()
	s, ok := m.byDigest[digest]
	m.mu.Unlock()
	if !ok || s.checked {
		return s.signature, ok
	}
	if !key.Verify(of, s.signature) {
		return casper.Signature{}, false
	}
	m.put(digest, s.signature)
	return s.signature, true
}

// put keeps a signature that is known to be valid.
func (m *signatures) put(digest casper.Hash, s casper.Signature) {
	m.store(digest, madeSignature{signature: s, checked: true})
}

// offer keeps a signature unless there is a checked one.
func (m *signatures) offer(digest casper.Hash, s casper.Signature) {
	m.store(digest, madeSignature{signature: s})
}

func (m *signatures) store(digest casper.Hash, s madeSignature) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.byDigest[digest]; ok {
		if s.checked || !old.checked {
			m.byDigest[digest] = s
		}
		return
	}
	if len(m.ring) < keptSignatures {
		m.ring = append(m.ring, digest)
	} else {
		delete(m.byDigest, m.ring[m.next])
		m.ring[m.next] = digest
		m.next = (m.next + 1) % keptSignatures
	}
	m.byDigest[digest] = s
}
