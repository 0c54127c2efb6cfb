package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// Entry is one request and its answer.
type Entry struct {
	At     int64        `json:"at"`   // of the answer, Unix milliseconds
	Took   int64        `json:"took"` // milliseconds
	Kind   string       `json:"kind"` // echo, vote, finality or handshake, as casper.Kind writes them
	Era    uint64       `json:"era"`
	Round  uint32       `json:"round"`
	Height uint64       `json:"height"`
	Answer testnet.Kind `json:"answer"`
	Reason string       `json:"reason,omitempty"`
}

// Given reports whether the answer was a signature, of what was asked for or of what the
// slot holds.
func (e Entry) Given() bool { return e.Answer == testnet.Signed || e.Answer == testnet.Bound }

// ReadJournal returns the entries of a node's journal; none if there is no such file. A last line
// without its end is one that is being written, or that the node died over.
func ReadJournal(path string) (all []Entry, err error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a node's journal: %w", err)
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("reading a node's journal: %w", err)
		}
		all = append(all, e)
	}
	return all, nil
}

// journal writes entries, each in one write, so that a killed process leaves whole lines. It is
// safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	file *os.File
}

// openJournal goes on with the journal of an earlier process.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	return &journal{file: f}, nil
}

func (j *journal) note(m casper.Message, a testnet.Answer) {
	e := Entry{At: time.Now().UnixMilli(), Took: a.Took.Milliseconds(), Kind: m.Kind().String(), Answer: a.Kind,
		Reason: a.Reason}
	if s, ok := casper.SlotOf(m); ok {
		e.Era, e.Round, e.Height = s.Era, s.Round, s.Height
	}
	text, err := json.Marshal(e)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil {
		j.file.Write(append(text, '\n')) //nolint:errcheck // whoever reads it misses the line
	}
}

func (j *journal) close() { j.file.Close() }
