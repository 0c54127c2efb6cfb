// Package history is what clients saw while a cluster was under faults, and whether that is what
// the product promises.
//
// A history is written to a file while it happens and judged from that file alone, so that
// whoever has the file can judge it again. It promises that a file which was cut off, or is not
// of one whole run, is not read. How the calls came about, and which faults there were, is its
// makers' business.
package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// Call is one request of one client and what came of it.
type Call struct {
	Asker      string        // node/client
	Begin, End time.Duration // since the run began: before the request left, after its answer was in
	Last       bool          // asked when all was well again, so that there must be a signature in the end
	Asked      casper.Message
	Answer     testnet.Answer
}

// Signed reports whether the answer brought a signature.
func (c Call) Signed() bool { return c.Answer.Kind == testnet.Signed || c.Answer.Kind == testnet.Bound }

// Node is the node whose client asked.
func (c Call) Node() string {
	node, _, _ := strings.Cut(c.Asker, "/")
	return node
}

// History is all calls of a run, in the order in which they ended.
type History struct {
	Header
	Calls []Call
}

// Header is the first line of a history's file.
type Header struct {
	Validator casper.PublicKey `json:"validator"`
	Seed      uint64           `json:"seed"`
	For       string           `json:"for"` // how long there were faults
}

// footer is the last line, without which the file is not whole.
type footer struct {
	Whole int `json:"whole"` // calls
}

// line is a call as its file has it, one JSON object a line.
type line struct {
	Asker     string            `json:"asker"`
	Begin     time.Duration     `json:"begin"` // nanoseconds
	End       time.Duration     `json:"end"`
	Last      bool              `json:"last,omitempty"`
	Asked     testnet.Fields    `json:"asked"`
	Answer    testnet.Kind      `json:"answer"`
	Held      *testnet.Fields   `json:"held,omitempty"`
	Signature *casper.Signature `json:"signature,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	DecidedBy string            `json:"decided_by,omitempty"`
}

func (c Call) line() line {
	l := line{Asker: c.Asker, Begin: c.Begin, End: c.End, Last: c.Last, Asked: testnet.FieldsOf(c.Asked),
		Answer: c.Answer.Kind, Reason: c.Answer.Reason, DecidedBy: c.Answer.DecidedBy}
	if c.Answer.Kind == testnet.Bound {
		held := testnet.FieldsOf(c.Answer.Held)
		l.Held = &held
	}
	if c.Signed() {
		l.Signature = &c.Answer.Signature
	}
	return l
}

func (l line) call() (c Call, err error) {
	c = Call{Asker: l.Asker, Begin: l.Begin, End: l.End, Last: l.Last,
		Answer: testnet.Answer{Kind: l.Answer, Reason: l.Reason, DecidedBy: l.DecidedBy, Took: l.End - l.Begin}}
	if c.Asked, err = l.Asked.Message(); err != nil {
		return c, err
	}
	switch l.Answer {
	case testnet.Signed, testnet.Refused, testnet.Unknown:
	case testnet.Bound:
		if l.Held == nil {
			return c, errors.New("bound, but to what is not said")
		}
		if c.Answer.Held, err = l.Held.Message(); err != nil {
			return c, err
		}
	default:
		return c, fmt.Errorf("unknown answer %q", l.Answer)
	}
	if c.Signed() {
		if l.Signature == nil {
			return c, errors.New("signed, but there is no signature")
		}
		c.Answer.Signature = *l.Signature
	}
	if _, ok := casper.SlotOf(c.Asked); !ok || l.End < l.Begin {
		return c, errors.New("no slot was asked for, or the answer came before the request")
	}
	return c, nil
}

// Read reads what a Recorder wrote.
func Read(r io.Reader) (h History, err error) {
	lines, end := bufio.NewScanner(r), footer{Whole: -1}
	for n := 1; lines.Scan(); n++ {
		var l struct {
			line
			footer
		}
		l.Whole = -1
		switch {
		case n == 1:
			err = json.Unmarshal(lines.Bytes(), &h.Header)
		case end.Whole >= 0:
			err = errors.New("it stands behind the end")
		default:
			var c Call
			if err = json.Unmarshal(lines.Bytes(), &l); err != nil {
				break
			}
			if end = l.footer; end.Whole >= 0 {
				break
			}
			c, err = l.call()
			h.Calls = append(h.Calls, c)
		}
		if err != nil {
			return h, fmt.Errorf("reading line %d of the history: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return h, fmt.Errorf("reading the history: %w", err)
	}
	if end.Whole != len(h.Calls) || len(h.Calls) == 0 {
		return h, errors.New("reading the history: it is cut off, or empty")
	}
	return h, nil
}
