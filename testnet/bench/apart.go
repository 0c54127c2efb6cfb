package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

const (
	jitter = 0.05                  // part of a delay by which it may be shorter or longer
	think  = 50 * time.Millisecond // between two requests
	settle = 10                    // requests that are not counted, after an agent came to a site
)

// distances are the round trips between the sites of two cosigners.
type distances func(a, b string) time.Duration

// evenly is the same distance between any two sites.
func evenly(d time.Duration) distances {
	return func(a, b string) time.Duration {
		if a == b {
			return 0
		}
		return d
	}
}

// remote has one cosigner further from the others than these are from each other.
func remote(who string, near, far time.Duration) distances {
	return func(a, b string) time.Duration {
		switch {
		case a == b:
			return 0
		case a == who || b == who:
			return far
		}
		return near
	}
}

// apart is a cluster of its own, each cosigner of which is at a site of its own. An agent is at the
// site of one of them.
type apart struct {
	*bench
	scene
	network *link.Network
	sites   map[string]string // of the agents: the cosigner that is at the same one
	text    *bytes.Buffer     // what there is to say
}

// openApart starts such a cluster.
func (b *bench) openApart(ctx context.Context, s scene) (*apart, error) {
	own := &bench{options: b.options, dir: filepath.Join(b.dir, "wan-"+s.dir), load: newLoad()}
	own.load.urgent = true
	a := &apart{bench: own, scene: s, text: &bytes.Buffer{},
		sites: map[string]string{testnet.Main: "c1", testnet.Standby: "c2"}}
	own.out = a.text
	settings := testnet.Settings{Dir: own.dir}
	if b.timing != "" {
		settings.Init = []string{"--timing", b.timing}
	}
	err := own.prepare(ctx, settings)
	if err == nil {
		a.network, err = link.OpenNetwork(ctx, own.cluster)
	}
	if err == nil {
		a.part(0)
		err = own.start(ctx)
	}
	if err != nil {
		return a, fmt.Errorf("starting cosigners %s apart: %w", s.name, err)
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

// part gives each link its length, and has that part of what is sent over it lost. A link within a
// site has no length, and loses nothing.
func (a *apart) part(lost float64) {
	for i, l := range a.network.Links {
		d := a.between(l.From, l.To, lost)
		d.Seed = a.seed + uint64(i)
		l.Part(d)
	}
}

func (a *apart) between(from, to string, lost float64) link.Distance {
	rtt := a.rtt(a.site(from), a.site(to))
	if rtt == 0 {
		return link.Distance{}
	}
	return link.Distance{Delay: rtt / 2, Jitter: jitter, Stall: stall, Lost: lost}
}

// place has main's agent be at the site of the leader, or of another cosigner, and the standby's at
// one that is not main's.
func (a *apart) place(r row, leader string) {
	other := a.cluster.Cosigners[slices.IndexFunc(a.cluster.Cosigners, func(c *testnet.Process) bool {
		return c.Name != leader && c.Name != a.unled
	})].Name
	a.sites[testnet.Main], a.sites[testnet.Standby] = other, leader
	if r.beside {
		a.sites[testnet.Main], a.sites[testnet.Standby] = leader, other
	}
	a.part(r.lost)
}

// lead waits until all are ready and one leads that may, and returns its name. One that is not to
// lead is told to stop, which hands over, and started again.
func (a *apart) lead(ctx context.Context) (string, error) {
	for {
		status, err := a.cluster.Ready(ctx, comesWithin)
		if err != nil || status.Leader != a.unled {
			return status.Leader, err
		}
		c := a.cluster.Cosigner(status.Leader)
		if err := errors.Join(c.Term(), c.Wait(ctx), c.Start(ctx)); err != nil {
			return "", fmt.Errorf("having another lead than %s: %w", c.Name, err)
		}
	}
}

// ask asks for as many as the row wants, as a node does that has something to be signed each time
// it has thought. When another cosigner begins to lead, by itself or because the product wants it,
// agents go where the row wants them to be, and the first few answers there do not count.
func (a *apart) ask(ctx context.Context, r row) (*answers, error) {
	leader, err := a.lead(ctx)
	if err != nil {
		return nil, err
	}
	a.place(r, leader)
	s := &answers{leaders: []string{leader}, instead: map[string]int{}}
	for skip := settle; len(s.took) < r.count; skip-- {
		got, again, err := a.askOnce(ctx)
		if err != nil {
			return nil, err
		}
		if by := got.DecidedBy; by != "" && by != leader {
			leader, skip = by, settle
			s.leaders = append(s.leaders, by)
			a.place(r, leader)
		}
		if skip <= 0 {
			s.add(got, again)
		}
		if err := testnet.Pause(ctx, think); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// nodeRetries is how long a node pauses before it asks again for what it was not given in time.
const nodeRetries = 100 * time.Millisecond

// askOnce asks for a free slot, and again until it is signed. It returns the first answer and, if
// that was too late or no signature, how long the signature took from the first asking on.
func (a *apart) askOnce(ctx context.Context) (first testnet.Answer, again time.Duration, err error) {
	m, start := a.load.next(), time.Now()
	for tries := 0; ; tries++ {
		got := a.node.Ask(ctx, m, testnet.ZugPatience)
		signed := got.Kind == testnet.Signed
		switch {
		case signed && !a.key.Verify(m, got.Signature):
			return got, 0, fmt.Errorf("asking: the signature of %v is not valid", m)
		case got.Kind == testnet.Bound:
			return got, 0, fmt.Errorf("asking: the slot of %v, for which nobody else asks, is bound to %v", m, got.Held)
		case tries == 0:
			first = got
		}
		switch late := !signed || got.Took > testnet.ZugPatience; {
		case tries == 0 && !late:
			return first, 0, nil
		case tries > 0 && signed:
			return first, time.Since(start), nil
		}
		if err := testnet.Pause(ctx, nodeRetries); err != nil {
			return got, 0, fmt.Errorf("asking, last answer %s %s: %w", got.Kind, got.Reason, err)
		}
	}
}

// answers are what became of a number of requests, one after the other.
type answers struct {
	took    testnet.Latencies // of each, until its first answer, or the node's deadline
	again   testnet.Latencies // of those that were late, from the first asking to the signature
	instead map[string]int    // what these were answered with
	leaders []string          // one after the other
}

func (s *answers) add(first testnet.Answer, again time.Duration) {
	s.took = append(s.took, first.Took)
	if again > 0 {
		s.again = append(s.again, again)
		s.instead[strings.TrimSpace(string(first.Kind)+" "+first.Reason)]++
	}
}

// killLeaders kills leaders that are beside the agent, and measures until the next signature.
func (a *apart) killLeaders(ctx context.Context, count int) (all testnet.Latencies, err error) {
	for range count {
		if _, err := a.ask(ctx, row{beside: true, count: 1}); err != nil {
			return nil, err
		}
		leader := a.cluster.Cosigner(a.sites[testnet.Main])
		took, err := a.outage(ctx, leader.Name, leader.Kill)
		if err == nil {
			err = leader.Start(ctx)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	return all, nil
}
