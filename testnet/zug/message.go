package zug

import (
	"encoding/binary"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// Message is what one node sends to another: Signed, Proposed, SyncRequest, SyncResponse,
// BlockRequest or BlockResponse.
type Message interface{ message() }

// Signed is a signed echo, vote or finality signature.
type Signed struct {
	Validator uint32
	Message   casper.Message
	Signature casper.Signature
}

// Proposal is a proposed block. It carries no signature: the leader's echo of its hash
// stands for one.
type Proposal struct {
	Round   casper.Round // Validator is the leader
	Parent  int64        // round of the parent block in this era, -1 if there is none
	At      int64        // timestamp, Unix milliseconds
	Payload casper.Hash  // stands for the block's contents
	Dummy   bool         // no block: only to finalize the era's last one
}

// Hash returns what echoes are of.
func (p Proposal) Hash() casper.Hash {
	id := p.Round.Instance()
	b := binary.LittleEndian.AppendUint64(append([]byte{}, id[:]...), uint64(p.At))
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Parent))
	b = binary.LittleEndian.AppendUint32(b, p.Round.ID)
	b = binary.LittleEndian.AppendUint32(b, p.Round.Validator)
	return blake2b.Sum256(append(b, p.Payload[:]...))
}

// Proposed is a proposal with its leader's echo.
type Proposed struct {
	Proposal Proposal
	Echo     Signed
}

// SyncRequest asks for all that is known of a round.
type SyncRequest struct{ Round casper.Round }

// SyncResponse answers with it, and with how far the answering node is.
type SyncResponse struct {
	Proposal *Proposal // nil if it has none
	Signed   []Signed
	Held     bool // it holds the consensus of the round's era, though perhaps nothing of the round
	Era      uint64
	Current  uint32
}

// BlockRequest asks for a block by height.
type BlockRequest struct{ Height uint64 }

// BlockResponse answers with the block; nil if the answering node has none so high.
type BlockResponse struct{ Block *Block }

func (Signed) message()        {}
func (Proposed) message()      {}
func (SyncRequest) message()   {}
func (SyncResponse) message()  {}
func (BlockRequest) message()  {}
func (BlockResponse) message() {}

// All is the address of every peer.
const All = -1

// Envelope is a message on its way.
type Envelope struct {
	To      int // a peer, or All
	Message Message
}

// Request asks for a signature of our validator. Asking for one slot again is a new request.
type Request struct {
	ID      uint64
	Message casper.Message
}

// Verdict is what became of a request.
type Verdict uint8

// The verdicts.
const (
	Granted   Verdict = iota + 1 // Message is signed: what was asked for, or what its slot is bound to
	Refused                      // not now: refused, or no answer in time
	Forbidden                    // never: not worth asking again
)

// Answer is the answer to a request.
type Answer struct {
	ID        uint64
	Verdict   Verdict
	Message   casper.Message
	Signature casper.Signature
}

// Fault is a contradiction that a node saw: two messages of one validator for one slot, or two
// blocks at one height.
type Fault struct {
	Validator   uint32
	Have, Other casper.Message // nil for blocks
	Height      uint64         // of the blocks
}

// Ended is a round that a node has seen the end of.
type Ended struct {
	Era     uint64
	Round   uint32
	Leader  uint32
	Skipped bool      // no block came of it
	Began   time.Time // when the node took it up
}

// Output is what a node does in answer to one event.
type Output struct {
	Send     []Envelope
	Requests []Request
	Blocks   []Block // added to its chain, by consensus or by catching up
	Ended    []Ended
	Faults   []Fault
}
