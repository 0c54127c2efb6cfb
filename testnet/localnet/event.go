package localnet

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
)

// Event is what a node tells at /events (casper-node event_stream_server/sse_server.rs): Block,
// FinalitySignature, Fault, TransactionProcessed or Shutdown. Others are dropped.
type Event interface{ event() }

// Block is a block that the node has added to its chain.
type Block struct {
	Hash         casper.Hash
	Height       uint64
	Era          uint64
	Timestamp    time.Time
	Proposer     casper.PublicKey // zero for the genesis block, which nobody proposed
	Transactions int
	// Rewarded[i] are the finality signatures of block Height-1-i that this block was the first to
	// cite, packed: see Cited.
	Rewarded [][]byte
	End      *EraEnd // nil unless it is the last block of its era
}

// EraEnd is what the last block of an era says about it.
type EraEnd struct {
	Equivocators []casper.PublicKey
	Inactive     []casper.PublicKey
	Next         []casper.PublicKey            // validators of the next era, ascending
	Rewards      map[casper.PublicKey][]string // motes, one entry for each kind of reward
}

// FinalitySignature is one that the node has received, or made.
type FinalitySignature struct {
	PublicKey casper.PublicKey
	Block     casper.Hash
	Height    uint64
	Era       uint64
}

// Fault says that the node holds a proof of a validator's equivocation.
type Fault struct {
	Validator casper.PublicKey
	Era       uint64
	Timestamp time.Time
}

// TransactionProcessed says that a transaction was executed.
type TransactionProcessed struct {
	Hash  casper.Hash // of the transaction
	Block casper.Hash
	Error string // why it failed, empty if it did not
}

// Shutdown says that the node is ending in good order.
type Shutdown struct{}

func (Block) event()                {}
func (FinalitySignature) event()    {}
func (Fault) event()                {}
func (TransactionProcessed) event() {}
func (Shutdown) event()             {}

// Cited returns who of the validators of a block's era is in a packed entry of Rewarded. The bits
// of the bytes, the highest of the first byte first, stand for the era's validators by ascending
// public key; bits beyond them are padding (casper-types block/rewarded_signatures.rs, casper-node
// era_supervisor.rs create_rewarded_signatures).
func Cited(packed []byte, validators []casper.PublicKey) []casper.PublicKey {
	var cited []casper.PublicKey
	for i, v := range sortedKeys(validators) {
		if i/8 < len(packed) && packed[i/8]&(0x80>>(i%8)) != 0 {
			cited = append(cited, v)
		}
	}
	return cited
}

// sortedKeys are the keys as casper-types orders them: by their bytes, which all have the
// same tag here.
func sortedKeys(keys []casper.PublicKey) []casper.PublicKey {
	return slices.SortedFunc(slices.Values(keys), func(a, b casper.PublicKey) int { return slices.Compare(a[:], b[:]) })
}

// key reads a public key, or "00", the system's, as zero.
type key casper.PublicKey

func (k *key) UnmarshalText(text []byte) error {
	if string(text) == "00" {
		*k = key{}
		return nil
	}
	return (*casper.PublicKey)(k).UnmarshalText(text)
}

type blockJSON struct {
	Hash   casper.Hash `json:"hash"`
	Header struct {
		Height    uint64    `json:"height"`
		Era       uint64    `json:"era_id"`
		Timestamp time.Time `json:"timestamp"`
		Proposer  key       `json:"proposer"`
		End       *struct {
			Equivocators []casper.PublicKey `json:"equivocators"`
			Inactive     []casper.PublicKey `json:"inactive_validators"`
			Next         []struct {
				Validator casper.PublicKey `json:"validator"`
			} `json:"next_era_validator_weights"`
			Rewards map[casper.PublicKey][]string `json:"rewards"`
		} `json:"era_end"`
	} `json:"header"`
	Body struct {
		Transactions map[string][]json.RawMessage `json:"transactions"` // by lane
		Rewarded     [][]int                      `json:"rewarded_signatures"`
	} `json:"body"`
}

func (b blockJSON) block() Block {
	block := Block{Hash: b.Hash, Height: b.Header.Height, Era: b.Header.Era, Timestamp: b.Header.Timestamp,
		Proposer: casper.PublicKey(b.Header.Proposer)}
	for _, lane := range b.Body.Transactions {
		block.Transactions += len(lane)
	}
	for _, entry := range b.Body.Rewarded {
		packed := make([]byte, len(entry))
		for i, v := range entry {
			packed[i] = byte(v)
		}
		block.Rewarded = append(block.Rewarded, packed)
	}
	if end := b.Header.End; end != nil {
		block.End = &EraEnd{Equivocators: end.Equivocators, Inactive: end.Inactive, Rewards: end.Rewards}
		for _, next := range end.Next {
			block.End.Next = append(block.End.Next, next.Validator)
		}
		block.End.Next = sortedKeys(block.End.Next)
	}
	return block
}

// eventJSON has a field for each kind of event that is used; the others stay nil.
type eventJSON struct {
	BlockAdded *struct {
		Block struct {
			Version2 *blockJSON
		} `json:"block"`
	}
	FinalitySignature *struct {
		V2 *struct {
			PublicKey casper.PublicKey `json:"public_key"`
			Block     casper.Hash      `json:"block_hash"`
			Height    uint64           `json:"block_height"`
			Era       uint64           `json:"era_id"`
		}
	}
	Fault *struct {
		Validator casper.PublicKey `json:"public_key"`
		Era       uint64           `json:"era_id"`
		Timestamp time.Time        `json:"timestamp"`
	}
	TransactionProcessed *struct {
		Hash   map[string]casper.Hash `json:"transaction_hash"` // by kind
		Block  casper.Hash            `json:"block_hash"`
		Result struct {
			Version2 struct {
				Error *string `json:"error_message"`
			}
		} `json:"execution_result"`
	}
}

// parseEvent reads the data of one server-sent event. It returns nil for a kind that is not used.
func parseEvent(data string) (Event, error) {
	if data == `"Shutdown"` {
		return Shutdown{}, nil
	}
	var e eventJSON
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return nil, fmt.Errorf("reading an event: %w", err)
	}
	switch {
	case e.BlockAdded != nil && e.BlockAdded.Block.Version2 != nil:
		return e.BlockAdded.Block.Version2.block(), nil
	case e.FinalitySignature != nil && e.FinalitySignature.V2 != nil:
		return FinalitySignature(*e.FinalitySignature.V2), nil
	case e.Fault != nil:
		return Fault(*e.Fault), nil
	case e.TransactionProcessed != nil:
		t := TransactionProcessed{Block: e.TransactionProcessed.Block}
		for _, hash := range e.TransactionProcessed.Hash {
			t.Hash = hash
		}
		if reason := e.TransactionProcessed.Result.Version2.Error; reason != nil {
			t.Error = *reason
		}
		return t, nil
	}
	return nil, nil
}
