package history

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"casper-cosigner/rule/casper"
)

// Recorder writes a history while it happens. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	out   *bufio.Writer
	err   error
	calls int
	slots map[casper.Slot]casper.Message // what each is known to hold, else the first that was asked for
}

// NewRecorder returns a Recorder that writes to w.
func NewRecorder(w io.Writer, h Header) *Recorder {
	r := &Recorder{out: bufio.NewWriter(w), slots: map[casper.Slot]casper.Message{}}
	r.write(h)
	return r
}

// Note writes down one call.
func (r *Recorder) Note(c Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot, _ := casper.SlotOf(c.Asked)
	if _, known := r.slots[slot]; !known {
		r.slots[slot] = c.Asked
	}
	if c.Signed() {
		r.slots[slot] = c.Answer.Message(c.Asked)
	}
	r.calls++
	r.write(c.line())
}

// write writes one line; mu is held, or nobody else knows the recorder yet.
func (r *Recorder) write(v any) {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = r.out.Write(append(text, '\n'))
	}
	if r.err == nil {
		r.err = err
	}
}

// Slots returns one message of each slot that was asked for: what it is known to hold, or else what
// was asked for first.
func (r *Recorder) Slots() (all []casper.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.slots {
		all = append(all, m)
	}
	return all
}

// Close ends the history, which counts as whole from then on, and reports what could not
// be written.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(footer{Whole: r.calls})
	if err := r.out.Flush(); r.err == nil {
		r.err = err
	}
	if r.err != nil {
		return fmt.Errorf("writing the history: %w", r.err)
	}
	return nil
}
