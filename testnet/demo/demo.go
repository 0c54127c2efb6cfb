package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
	"casper-cosigner/testnet/show"
)

const (
	transcriptFile = "transcript.jsonl"

	askAgain   = 20 * time.Millisecond // after an answer that says nothing
	paceAgain  = 50 * time.Millisecond // after TOO_FAR_AHEAD
	tooFar     = "TOO_FAR_AHEAD"
	belowFloor = "BELOW_FLOOR"
	tlsPoint   = "TLS_POINT"
)

// demo is one run.
type demo struct {
	*show.Show
	options
	dir       string
	recording *testnet.Recording

	file       *os.File
	transcript *testnet.Transcript
	cluster    *testnet.Cluster
	a, b       *testnet.Node
	free       testnet.MadeUp // slots that the recording does not use

	latencies map[series]testnet.Latencies
	waits     int      // requests that came too early for the token bucket
	retries   int      // requests that were asked again for want of an answer
	restarts  []string // of processes of the cluster before this one

	*rehearse.Rehearsal       // nil in the first part
	returns             int   // of main by itself, each of which doubles what it must be ready for
	upgrades            int   // so far
	rows                []row // of the table
}

// series is what a latency is of: the kind of message, and how it was asked for.
type series struct {
	kind casper.Kind
	how  string
}

func newDemo(o options, dir string, out io.Writer) (*demo, error) {
	f, err := os.Open(o.recording)
	if err != nil {
		return nil, fmt.Errorf("opening the recording: %w", err)
	}
	defer f.Close()
	recording, err := testnet.ReadRecording(f)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(dir, transcriptFile))
	if err != nil {
		return nil, fmt.Errorf("making the transcript: %w", err)
	}
	s := &demo{Show: show.New(out, o.seed), options: o, dir: dir, recording: recording, file: file,
		transcript: testnet.NewTranscript(file), latencies: map[series]testnet.Latencies{}}
	s.free.Round = lastRound(recording)
	s.free.Round.ID++
	return s, nil
}

// lastRound is the newest round of the recording's last era.
func lastRound(r *testnet.Recording) (last casper.Round) {
	for _, e := range r.Entries {
		round, ok := roundOf(e.Message)
		if ok && (round.Era > last.Era || round.Era == last.Era && round.ID > last.ID) {
			last = round
		}
	}
	return last
}

func roundOf(m casper.Message) (casper.Round, bool) {
	switch m := m.(type) {
	case casper.Echo:
		return m.Round, true
	case casper.Vote:
		return m.Round, true
	}
	return casper.Round{}, false
}

// eraOf is the era that a message belongs to; false for a handshake.
func eraOf(m casper.Message) (uint64, bool) {
	if f, ok := m.(casper.Finality); ok {
		return f.Era, true
	}
	r, ok := roundOf(m)
	return r.Era, ok
}

// close ends all processes and finishes the transcript.
func (s *demo) close() error {
	s.Clear()
	var err error
	if s.Rehearsal != nil && s.Net != nil {
		err = s.Net.Close()
	}
	for _, n := range []*testnet.Node{s.a, s.b} {
		if n != nil {
			err = errors.Join(err, n.Close())
		}
	}
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Close())
	}
	return errors.Join(err, s.transcript.Close(), s.file.Close())
}

// once asks once and writes it down.
func (s *demo) once(ctx context.Context, n *testnet.Node, m casper.Message, madeUp bool) testnet.Answer {
	a := n.Sign(ctx, m)
	s.transcript.Note(testnet.TranscriptLine{Act: s.Act().Name, Node: n.Name, MadeUp: madeUp}, m, a)
	return a
}

// ask asks until it gets an answer, as a node does that wants to go on: again at once when nothing
// is known, and later when the chain cannot be there yet. how names the series that its latency
// belongs to, if any.
func (s *demo) ask(ctx context.Context, n *testnet.Node, m casper.Message, how string) (testnet.Answer, error) {
	for {
		a := s.once(ctx, n, m, false)
		wait := askAgain
		switch {
		case a.Kind == testnet.Unknown:
			s.retries++
		case a.Kind == testnet.Refused && a.Reason == tooFar:
			s.waits++
			wait = paceAgain
		default:
			if how != "" && a.Kind != testnet.Refused {
				k := series{m.Kind(), how}
				s.latencies[k] = append(s.latencies[k], a.Took)
			}
			return a, nil
		}
		if err := testnet.Pause(ctx, wait); err != nil {
			return a, fmt.Errorf("asking for %v from %s, last answer %s %s: %w", m.Kind(), n.Name, a.Kind, a.Reason, err)
		}
	}
}

// valid reports whether the answer is a valid signature of the message.
func (s *demo) valid(a testnet.Answer, m casper.Message) bool {
	return a.Message(m) != nil && s.recording.Validator.Verify(a.Message(m), a.Signature)
}
