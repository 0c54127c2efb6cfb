package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"casper-cosigner/rule/casper"
)

// The kinds of message in JSON.
const (
	kindZug       = "zug"
	kindFinality  = "finality_v2"
	kindHandshake = "consensus_certificate"
)

// messageJSON is a message, with all byte strings in lower-case hex: what is asked to be signed,
// and how a held slot is shown. In a request everything below "Not read" is ignored, so that a line
// of the recorded vectors is a request.
type messageJSON struct {
	Kind string `json:"kind"`

	// Zug: the round, and either an echo or a vote.
	Chainspec *casper.Hash `json:"chainspec_hash,omitempty"`
	Era       *uint64      `json:"era_id,omitempty"` // finality as well
	KeyBlock  *casper.Hash `json:"key_block_hash,omitempty"`
	Round     *uint32      `json:"round_id,omitempty"`
	Validator *uint32      `json:"validator_index,omitempty"`
	Echo      *casper.Hash `json:"echo,omitempty"`
	Vote      *bool        `json:"vote,omitempty"`

	// Finality signature.
	Block     *casper.Hash `json:"block_hash,omitempty"`
	Height    *uint64      `json:"block_height,omitempty"`
	ChainName *casper.Hash `json:"chain_name_hash,omitempty"`

	// Handshake.
	Random *casper.Hex `json:"combined_random,omitempty"` // 12 bytes
	Our    *casper.Hex `json:"our_tls_point,omitempty"`   // 67 bytes
	Their  *casper.Hex `json:"their_tls_point,omitempty"` // 67 bytes

	// Not read.
	Slot        string       `json:"slot,omitempty"` // in an export
	Instance    *casper.Hash `json:"instance_id,omitempty"`
	Node        any          `json:"node,omitempty"`
	PublicKey   string       `json:"public_key,omitempty"`
	Preimage    string       `json:"preimage,omitempty"`
	SignedBytes *casper.Hex  `json:"signed_bytes,omitempty"`
	OurID       string       `json:"our_node_id,omitempty"`
	TheirID     string       `json:"their_node_id,omitempty"`
	Signature   string       `json:"signature,omitempty"`
}

// parseMessage reads one message. A field that is unknown, missing or of the wrong length
// is an error.
func parseMessage(text []byte) (casper.Message, error) {
	var j messageJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, errorf("reading the request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errorf("reading the request: more than one JSON object; ask for one message at a time")
	}
	m, err := j.message()
	if err == nil {
		err = casper.Validate(m)
	}
	if err != nil {
		return nil, errorf("reading the request: %w", err)
	}
	return m, nil
}

func (j *messageJSON) message() (casper.Message, error) {
	var missing fields
	switch j.Kind {
	case kindZug:
		r := casper.Round{Chainspec: need(&missing, j.Chainspec, "chainspec_hash"), Era: need(&missing, j.Era, "era_id"),
			KeyBlock: need(&missing, j.KeyBlock, "key_block_hash"), ID: need(&missing, j.Round, "round_id"),
			Validator: need(&missing, j.Validator, "validator_index")}
		switch {
		case (j.Echo == nil) == (j.Vote == nil):
			return nil, errors.Join(missing.err(), errors.New("give one of echo and vote"))
		case j.Echo != nil:
			return casper.Echo{Round: r, Proposal: *j.Echo}, missing.err()
		}
		return casper.Vote{Round: r, Value: *j.Vote}, missing.err()
	case kindFinality:
		m := casper.Finality{Block: need(&missing, j.Block, "block_hash"), Height: need(&missing, j.Height, "block_height"),
			Era: need(&missing, j.Era, "era_id"), ChainName: need(&missing, j.ChainName, "chain_name_hash")}
		return m, missing.err()
	case kindHandshake:
		var m casper.Handshake
		missing.copy(m.Random[:], j.Random, "combined_random")
		missing.copy(m.Our[:], j.Our, "our_tls_point")
		missing.copy(m.Their[:], j.Their, "their_tls_point")
		return m, missing.err()
	}
	return nil, fmt.Errorf("kind %q: want %s, %s or %s", j.Kind, kindZug, kindFinality, kindHandshake)
}

// fields collects what is wrong with a request's fields.
type fields []error

func (f *fields) err() error { return errors.Join(*f...) }

// copy copies src to dst, whose lengths must agree.
func (f *fields) copy(dst []byte, src *casper.Hex, name string) {
	if b := need(f, src, name); src != nil && len(b) != len(dst) {
		*f = append(*f, fmt.Errorf("%s: %d bytes, want %d", name, len(b), len(dst)))
	} else {
		copy(dst, b)
	}
}

// need returns what v points to, and notes the field when there is nothing.
func need[T any](f *fields, v *T, name string) T {
	if v == nil {
		*f = append(*f, fmt.Errorf("%s: missing", name))
		return *new(T)
	}
	return *v
}

// showMessage is the inverse of parseMessage, with the instance id and the signed bytes that follow
// from the message.
func showMessage(m casper.Message) messageJSON {
	signed := casper.Hex(m.SignBytes())
	j := messageJSON{SignedBytes: &signed}
	zug := func(r casper.Round) {
		instance := r.Instance()
		j.Kind, j.Chainspec, j.Era, j.KeyBlock = kindZug, &r.Chainspec, &r.Era, &r.KeyBlock
		j.Instance, j.Round, j.Validator = &instance, &r.ID, &r.Validator
	}
	switch m := m.(type) {
	case casper.Echo:
		zug(m.Round)
		j.Echo = &m.Proposal
	case casper.Vote:
		zug(m.Round)
		j.Vote = &m.Value
	case casper.Finality:
		j.Kind, j.Block, j.Height, j.Era, j.ChainName = kindFinality, &m.Block, &m.Height, &m.Era, &m.ChainName
	case casper.Handshake:
		random, our, their := casper.Hex(m.Random[:]), casper.Hex(m.Our[:]), casper.Hex(m.Their[:])
		j.Kind, j.Random, j.Our, j.Their = kindHandshake, &random, &our, &their
	}
	return j
}

// describe names a message's slot, or its kind when it has none.
func describe(m casper.Message) string {
	if slot, ok := casper.SlotOf(m); ok {
		return slot.String()
	}
	return m.Kind().String()
}
