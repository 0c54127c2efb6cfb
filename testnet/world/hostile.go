package world

import (
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// flood lets the hostile standby ask for whatever may harm: bogus values for the open round and
// those ahead, for the next era, for old rounds and for heights that no block has.
func (w *World) flood() {
	w.after(20*time.Millisecond+time.Duration(w.rng.Int64N(int64(300*time.Millisecond))), w.flood)
	a := w.agents[standbyHost]
	if !a.runs() {
		return
	}
	status := w.nodes[firstForeign+w.rng.IntN(foreign)].node.Status()
	if status.Reactor != zug.Validate {
		return
	}
	for range 1 + w.rng.IntN(4) {
		a.sign(w.bogus(status), func(zug.Answer) {})
	}
	// Its agent tells of a node in the best of health, and at times that our validator equivocated.
	a.saw(status)
	if w.rng.IntN(8) == 0 {
		a.lie(status.Open)
	}
}

// bogus draws a message that harms if it is signed.
func (w *World) bogus(s zug.Status) casper.Message {
	name := s.Open
	name.Validator = ourValidator
	value := blake2b.Sum256([]byte{byte(w.rng.Uint32()), byte(w.rng.Uint32())})
	switch w.rng.IntN(8) {
	case 0: // the next era, named as it cannot be known yet
		name.Era, name.ID, name.KeyBlock = name.Era+1, uint32(w.rng.IntN(4)), value
	case 1: // this era under another name
		name.KeyBlock = value
	case 2:
		name.ID = uint32(w.rng.IntN(int(name.ID) + 1))
	case 3:
		name.ID += uint32(w.rng.IntN(100))
	case 4, 5:
		height := s.Tip.Height + uint64(w.rng.IntN(4))
		return casper.Finality{Block: value, Height: max(height, 1), Era: name.Era,
			ChainName: casper.ChainNameHash(w.chain.Name)}
	default:
		name.ID += uint32(w.rng.IntN(3))
	}
	if w.rng.IntN(2) == 0 {
		return casper.Vote{Round: name, Value: false}
	}
	return casper.Echo{Round: name, Proposal: value}
}
