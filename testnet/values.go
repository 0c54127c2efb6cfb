package testnet

import (
	"fmt"

	"casper-cosigner/rule/casper"
)

// Other returns another value for the message's slot: what an equivocation would need. It is nil
// for a handshake, which has no slot.
func Other(m casper.Message) casper.Message {
	switch m := m.(type) {
	case casper.Echo:
		m.Proposal[0] ^= 0xff
		return m
	case casper.Vote:
		m.Value = !m.Value
		return m
	case casper.Finality:
		m.Block[0] ^= 0xff
		return m
	}
	return nil
}

// MadeUp hands out free slots that no network ever had, in the order in which a node would come to
// them: for each round an echo and a vote.
type MadeUp struct {
	Round casper.Round // of the next echo

	voteNext bool
}

// Next returns a message for the next free slot.
func (u *MadeUp) Next() casper.Message {
	if u.voteNext {
		u.voteNext = false
		m := casper.Vote{Round: u.Round, Value: true}
		u.Round.ID++
		return m
	}
	u.voteNext = true
	return casper.Echo{Round: u.Round, Proposal: madeUpHash(u.Round.Era, uint64(u.Round.ID))}
}

// MadeUpFinality returns the finality signature of a block that no network ever had.
func MadeUpFinality(chain string, era, height uint64) casper.Message {
	return casper.Finality{Block: madeUpHash(era, height), Height: height, Era: era,
		ChainName: casper.ChainNameHash(chain)}
}

// madeUpHash borrows the hash of chain names: any hash will do here.
func madeUpHash(era, number uint64) casper.Hash {
	return casper.ChainNameHash(fmt.Sprintf("made up %d/%d", era, number))
}
