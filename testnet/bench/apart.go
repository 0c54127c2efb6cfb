package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

const (
	jitter  = 0.05                   // part of a delay by which it may be shorter or longer
	think   = 50 * time.Millisecond  // between two requests
	retries = 100 * time.Millisecond // until a node asks again for what it was not given in time
	settle  = 10                     // requests that are not counted, after an agent came to a site
)

// apart is a cluster of its own, each cosigner of which is at a site of its own. An agent is at the
// site of one of them.
type apart struct {
	*bench
	network *link.Network
	rtt     func(a, b string) time.Duration // between the sites of two cosigners
	stall   time.Duration                   // by which what is lost on the way is late
	lost    float64                         // part of the segments that are
	sites   map[string]string               // of the agents: the cosigner that is at the same one
	text    *bytes.Buffer                   // what it has to say
}

// evenly is the round trip between any two sites.
func evenly(d time.Duration) func(a, b string) time.Duration {
	return func(a, b string) time.Duration {
		if a == b {
			return 0
		}
		return d
	}
}

// openApart starts such a cluster.
func (b *bench) openApart(ctx context.Context, name string, rtt func(a, b string) time.Duration) (*apart, error) {
	own := &bench{options: b.options, dir: filepath.Join(b.dir, name), load: newLoad()}
	own.load.urgent = true
	a := &apart{bench: own, rtt: rtt, sites: map[string]string{testnet.Main: "c1", testnet.Standby: "c2"},
		text: &bytes.Buffer{}}
	own.out = a.text
	err := own.prepare(ctx, testnet.Settings{Dir: own.dir, Init: []string{"--timing", b.timing}})
	if err == nil {
		a.network, err = link.OpenNetwork(ctx, own.cluster)
	}
	if err == nil {
		a.part()
		err = own.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", name, err), a.close())
	}
	return a, nil
}

func (a *apart) close() error {
	err := a.bench.close()
	if a.network != nil {
		a.network.Close()
	}
	return err
}

// site is where a member is: the name of the cosigner there.
func (a *apart) site(member string) string {
	if s, ok := a.sites[member]; ok {
		return s
	}
	return member
}

// part gives each link its length. A link within a site has none, and loses nothing.
func (a *apart) part() {
	for i, l := range a.network.Links {
		d := link.Distance{Delay: a.rtt(a.site(l.From), a.site(l.To)) / 2, Jitter: jitter, Seed: a.seed + uint64(i)}
		if d.Delay > 0 {
			d.Stall, d.Lost = a.stall, a.lost
		}
		l.Part(d)
	}
}

// move has main's agent be at the site of the leader, or of another cosigner, and the standby's at
// one that is not main's. It returns who leads.
func (a *apart) move(ctx context.Context, beside bool) (leader string, err error) {
	status, err := a.cluster.Ready(ctx, comesWithin)
	if err != nil {
		return "", err
	}
	var others []string
	for _, c := range a.cluster.Cosigners {
		if c.Name != status.Leader {
			others = append(others, c.Name)
		}
	}
	a.sites[testnet.Main], a.sites[testnet.Standby] = others[0], others[1]
	if beside {
		a.sites[testnet.Main] = status.Leader
	}
	a.part()
	_, err = a.ask(ctx, settle)
	return status.Leader, err
}

// answers are what became of a number of requests, one after the other.
type answers struct {
	took   testnet.Latencies // of all, until the answer or the node's deadline
	late   int               // of them, not signed by then
	why    map[string]int    // these, by what was said instead
	again  testnet.Latencies // of these, from the first asking to the signature
	by     map[string]int    // all others, by who decided
	leader string            // that decided last
	moves  int               // how often that was another one than before
}

func (s *answers) decided(by string) {
	if s.leader != "" && s.leader != by {
		s.moves++
	}
	s.leader = by
	s.by[by]++
}

// ask asks as a node does that has something to be signed each time it has thought. For what is not
// signed in time it asks again, as a node does.
func (a *apart) ask(ctx context.Context, count int) (*answers, error) {
	s := &answers{why: map[string]int{}, by: map[string]int{}}
	for range count {
		if err := errors.Join(a.askOnce(ctx, s), testnet.Pause(ctx, think)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (a *apart) askOnce(ctx context.Context, s *answers) error {
	m, start := a.load.next(), time.Now()
	for tries := 0; ; tries++ {
		got := a.node.Ask(ctx, m, testnet.ZugPatience)
		signed := got.Kind == testnet.Signed
		if signed && !a.key.Verify(m, got.Signature) {
			return fmt.Errorf("asking: the signature of %v is not valid", m)
		}
		if got.Kind == testnet.Bound {
			return fmt.Errorf("asking: a free slot, of %v, was bound to %v", m, got.Held)
		}
		inTime := signed && got.Took <= testnet.ZugPatience
		if tries == 0 {
			s.took = append(s.took, got.Took)
		}
		switch {
		case inTime && tries == 0:
			s.decided(got.DecidedBy)
			return nil
		case tries == 0:
			s.late++
			s.why[string(got.Kind)+" "+got.Reason]++
		case signed:
			s.again = append(s.again, time.Since(start))
			return nil
		}
		if err := testnet.Pause(ctx, retries); err != nil {
			return fmt.Errorf("asking, last answer %s %s: %w", got.Kind, got.Reason, err)
		}
	}
}
