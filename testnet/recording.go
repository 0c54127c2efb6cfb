package testnet

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"casper-cosigner/rule/casper"
)

// Recorded is one message that a real casper-node signed, and its signature.
type Recorded struct {
	Message   casper.Message
	Signature casper.Signature
}

// Recording is all that one node signed, in its order.
type Recording struct {
	Validator casper.PublicKey
	Entries   []Recorded
}

// ReadRecording reads a recording, one JSON object a line. It checks every signature, so that what
// is measured against it is measured against the truth.
func ReadRecording(r io.Reader) (*Recording, error) {
	recording := &Recording{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		var l recordedLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("reading line %d of the recording: %w", n, err)
		}
		m, err := l.Message()
		if err != nil {
			return nil, fmt.Errorf("reading line %d of the recording: %w", n, err)
		}
		if n == 1 {
			recording.Validator = l.PublicKey
		}
		if l.PublicKey != recording.Validator || !l.PublicKey.Verify(m, l.Signature) {
			return nil, fmt.Errorf("reading line %d of the recording: the signature is not valid", n)
		}
		recording.Entries = append(recording.Entries, Recorded{Message: m, Signature: l.Signature})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the recording: %w", err)
	}
	if len(recording.Entries) == 0 {
		return nil, errors.New("reading the recording: it is empty")
	}
	return recording, nil
}

// Fields are a message's fields under the names of the recording. The transcript uses them too, so
// that a judge needs to know one form only.
type Fields struct {
	Kind           string       `json:"kind"`
	ChainspecHash  *casper.Hash `json:"chainspec_hash,omitempty"`
	EraID          *uint64      `json:"era_id,omitempty"`
	KeyBlockHash   *casper.Hash `json:"key_block_hash,omitempty"`
	RoundID        *uint32      `json:"round_id,omitempty"`
	ValidatorIndex *uint32      `json:"validator_index,omitempty"`
	Echo           *casper.Hash `json:"echo,omitempty"`
	Vote           *bool        `json:"vote,omitempty"`
	BlockHash      *casper.Hash `json:"block_hash,omitempty"`
	BlockHeight    *uint64      `json:"block_height,omitempty"`
	ChainNameHash  *casper.Hash `json:"chain_name_hash,omitempty"`
	CombinedRandom string       `json:"combined_random,omitempty"`
	OurTLSPoint    string       `json:"our_tls_point,omitempty"`
	TheirTLSPoint  string       `json:"their_tls_point,omitempty"`
}

type recordedLine struct {
	Fields
	PublicKey casper.PublicKey `json:"public_key"`
	Signature casper.Signature `json:"signature"`
}

// FieldsOf returns the fields of a message; Message undoes it.
func FieldsOf(m casper.Message) Fields {
	zug := func(r casper.Round) Fields {
		return Fields{Kind: "zug", ChainspecHash: &r.Chainspec, EraID: &r.Era, KeyBlockHash: &r.KeyBlock,
			RoundID: &r.ID, ValidatorIndex: &r.Validator}
	}
	switch m := m.(type) {
	case casper.Echo:
		f := zug(m.Round)
		f.Echo = &m.Proposal
		return f
	case casper.Vote:
		f := zug(m.Round)
		f.Vote = &m.Value
		return f
	case casper.Finality:
		return Fields{Kind: "finality_v2",
			EraID: &m.Era, BlockHash: &m.Block, BlockHeight: &m.Height, ChainNameHash: &m.ChainName}
	case casper.Handshake:
		return Fields{Kind: "consensus_certificate", CombinedRandom: hex.EncodeToString(m.Random[:]),
			OurTLSPoint: hex.EncodeToString(m.Our[:]), TheirTLSPoint: hex.EncodeToString(m.Their[:])}
	}
	return Fields{}
}

// Message returns the message that the fields are of.
func (f Fields) Message() (casper.Message, error) {
	switch f.Kind {
	case "zug":
		return f.zug()
	case "finality_v2":
		if f.BlockHash == nil || f.BlockHeight == nil || f.EraID == nil || f.ChainNameHash == nil {
			return nil, errors.New("finality signature: a field is missing")
		}
		return casper.Finality{Block: *f.BlockHash, Height: *f.BlockHeight, Era: *f.EraID, ChainName: *f.ChainNameHash}, nil
	case "consensus_certificate":
		var m casper.Handshake
		err := errors.Join(unhex(m.Random[:], f.CombinedRandom), unhex(m.Our[:], f.OurTLSPoint),
			unhex(m.Their[:], f.TheirTLSPoint))
		return m, err
	}
	return nil, fmt.Errorf("unknown kind %q", f.Kind)
}

func (f Fields) zug() (casper.Message, error) {
	if f.ChainspecHash == nil || f.EraID == nil || f.KeyBlockHash == nil || f.RoundID == nil || f.ValidatorIndex == nil {
		return nil, errors.New("zug: a field is missing")
	}
	r := casper.Round{Chainspec: *f.ChainspecHash, Era: *f.EraID, KeyBlock: *f.KeyBlockHash, ID: *f.RoundID,
		Validator: *f.ValidatorIndex}
	switch {
	case f.Echo != nil && f.Vote == nil:
		return casper.Echo{Round: r, Proposal: *f.Echo}, nil
	case f.Vote != nil && f.Echo == nil:
		return casper.Vote{Round: r, Value: *f.Vote}, nil
	}
	return nil, errors.New("zug: want either echo or vote")
}

func unhex(dst []byte, text string) error {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != len(dst) {
		err = fmt.Errorf("want %d bytes, got %d", len(dst), len(b))
	}
	copy(dst, b)
	return err
}
