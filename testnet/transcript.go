package testnet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"casper-cosigner/rule/casper"
)

// TranscriptLine is one request and what came of it.
type TranscriptLine struct {
	Act       string            `json:"act"`               // which part of the show it belongs to
	Node      string            `json:"node"`              // who asked
	MadeUp    bool              `json:"made_up,omitempty"` // not from the recording
	Asked     Fields            `json:"asked"`
	Answer    Kind              `json:"answer"`
	Reason    string            `json:"reason,omitempty"`
	Held      *Fields           `json:"held,omitempty"`
	Signature *casper.Signature `json:"signature,omitempty"`
}

// Transcript writes down every request, one JSON object a line, for a judge that trusts nobody. It
// is safe for concurrent use.
type Transcript struct {
	mu  sync.Mutex
	out *bufio.Writer
	err error
}

// NewTranscript returns a Transcript that writes to w.
func NewTranscript(w io.Writer) *Transcript { return &Transcript{out: bufio.NewWriter(w)} }

// Note writes down one request and its answer. Close reports what could not be written.
func (t *Transcript) Note(line TranscriptLine, asked casper.Message, a Answer) {
	line.Asked, line.Answer, line.Reason = FieldsOf(asked), a.Kind, a.Reason
	if a.Kind == Bound {
		held := FieldsOf(a.Held)
		line.Held = &held
	}
	if a.Kind == Signed || a.Kind == Bound {
		line.Signature = &a.Signature
	}
	text, err := json.Marshal(line)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		_, err = t.out.Write(append(text, '\n'))
	}
	if t.err == nil {
		t.err = err
	}
}

// Close writes out what is buffered.
func (t *Transcript) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.out.Flush(); t.err == nil {
		t.err = err
	}
	if t.err != nil {
		return fmt.Errorf("writing the transcript: %w", t.err)
	}
	return nil
}
