package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/link"
)

const (
	stall     = 200 * time.Millisecond // what TCP waits at least until it sends again what was lost
	stallRate = 0.001                  // of the segments, where some are lost
)

// scene is a cluster whose cosigners are so far apart, and what is measured in it.
type scene struct {
	name  string
	dir   string // of its files
	rtt   distances
	trip  time.Duration // the round trip that answers are counted in
	unled string        // the cosigner that is not to lead; may be empty
	rows  []row
	kills bool          // of the leader too
	next  time.Duration // goal of these: p50 until the next signature; 0: none
}

// row is a number of requests from one place.
type row struct {
	beside bool    // the agent is at the leader's site
	count  int     // of requests
	lost   float64 // part of the segments between sites that come late
	goal   *goal
}

// goal is what is to be reached.
type goal struct {
	trips float64 // round trips of p50
	late  float64 // part of the requests
}

// scenes are what is measured, in two sequences that go on at once: one after the other they would
// take twice as long. Each has one request under way at a time, and waits for what is on its way
// nearly all of it.
func (b *bench) scenes() [2][]scene {
	const ms = time.Millisecond
	some, few := b.apart*3/10, b.apart/5
	plain := []row{{beside: true, count: few}, {count: few}}
	return [2][]scene{{
		{name: "80 ms", dir: "80", rtt: evenly(farTrip), trip: farTrip, rows: []row{
			{beside: true, count: b.apart, goal: &goal{trips: 2.1}},
			{count: some, goal: &goal{trips: 3.1, late: 0.02}},
		}},
	}, {
		{name: "5 ms", dir: "5", rtt: evenly(5 * ms), trip: 5 * ms, rows: plain},
		{name: "30 ms", dir: "30", rtt: evenly(30 * ms), trip: 30 * ms, rows: plain, kills: true},
		{name: "30/80/80 ms", dir: "uneven", rtt: remote("c3", 30*ms, 80*ms), trip: 30 * ms, unled: "c3", rows: plain[:1]},
		{name: "80 ms", dir: "stalls", rtt: evenly(farTrip), trip: farTrip, kills: true, next: 1800 * ms,
			rows: []row{{beside: true, count: few, lost: stallRate}}},
	}}
}

// wan measures what distance costs: the cosigners are at three sites, and what goes from one to
// another takes half a round trip.
func (b *bench) wan(ctx context.Context) error {
	if err := b.close(); err != nil {
		return err
	}
	b.printf("wan: 3 sites, a cosigner at each, the agent at one of them; delays differ by up to %.0f %%; timing %s;",
		100*jitter, cmp.Or(b.timing, "as init writes it"))
	b.printf("%v between two requests; late is what is not signed within the node's %v, and p50 counts it as that; where",
		think, testnet.ZugPatience)
	b.printf("there are stalls, %.1f %% of the segments come %v later, and what is behind them", 100*stallRate, stall)
	beside, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex // guards what is printed and counted in the end
	for _, scenes := range b.scenes() {
		beside.Go(func() error {
			for _, s := range scenes {
				a, err := b.play(ctx, s)
				mu.Lock()
				b.printf("%s", strings.TrimSuffix(a.text.String(), "\n"))
				b.restarts = append(b.restarts, a.restarts...)
				mu.Unlock()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	var floor testnet.Latencies
	beside.Go(func() (err error) {
		floor, err = farFloor(ctx, max(b.apart/5, 1))
		return err
	})
	err := beside.Wait()
	b.figure(fmt.Sprintf("floor: gRPC round trip over %v", farTrip), quantiles(floor), "")
	return err
}

const (
	farTrip  = 80 * time.Millisecond // the round trip that goals are set for
	farPause = time.Second           // between two measurements of its floor, which are to see all of the part
)

// farFloor measures a call to nobody who has anything to do, over a link of the same length, while
// all else is measured: what it takes beyond the distance, this machine takes.
func farFloor(ctx context.Context, count int) (all testnet.Latencies, err error) {
	e, err := openEcho()
	if err != nil {
		return nil, err
	}
	defer e.server.Stop()
	l, err := link.OnTCP("floor", "echo", e.address)
	if err != nil {
		return nil, err
	}
	l.Part(link.Distance{Delay: farTrip / 2, Jitter: jitter})
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.Run(running)
	}()
	defer func() { stop(); <-ended }()
	ask, closeConn, err := e.asker(l.Address())
	if err != nil {
		return nil, err
	}
	defer closeConn() //nolint:errcheck // nothing is lost
	for len(all) <= count {
		start := time.Now()
		err := ask(ctx)
		all = append(all, time.Since(start))
		if err = errors.Join(err, testnet.Pause(ctx, farPause)); err != nil {
			return nil, fmt.Errorf("measuring a floor: %w", err)
		}
	}
	return all[1:], nil // the first one makes the connection
}

// play measures one scene. Whatever comes of it, what it returns has a text.
func (b *bench) play(ctx context.Context, s scene) (a *apart, err error) {
	a, err = b.openApart(ctx, s)
	defer func() { err = errors.Join(err, a.close()) }()
	if err != nil {
		return a, err
	}
	for _, r := range s.rows {
		got, err := a.ask(ctx, r)
		if err != nil {
			return a, fmt.Errorf("cosigners %s apart: %w", s.name, err)
		}
		a.tell(r, got)
	}
	if !s.kills {
		return a, nil
	}
	took, err := a.killLeaders(ctx, a.trials/2)
	if err != nil {
		return a, fmt.Errorf("cosigners %s apart: %w", s.name, err)
	}
	name := fmt.Sprintf("%s: kill -9 of the leader", s.name)
	if s.next > 0 {
		a.goal(name, spread(took), fmt.Sprintf("p50 %v", s.next), took.Quantile(0.5) <= s.next)
	} else {
		a.figure(name, spread(took), "")
	}
	return a, nil
}

// tell prints what became of a row's requests.
func (a *apart) tell(r row, s *answers) {
	where := "from a follower's site"
	if r.beside {
		where = "beside the leader"
	}
	name := a.name
	if r.lost > 0 {
		name += ", stalls"
	}
	a.figure(fmt.Sprintf("%s: %s", name, where), quantiles(s.took), "")
	trips := float64(s.took.Quantile(0.5)) / float64(a.trip)
	late := fmt.Sprintf("%d of %d", len(s.again), len(s.took))
	if g := r.goal; g != nil {
		a.goal("  p50 in round trips", fmt.Sprintf("%.2f", trips), fmt.Sprintf("at most %.1f", g.trips), trips <= g.trips)
		most := int(g.late * float64(len(s.took)))
		a.goal("  late", late, fmt.Sprintf("at most %d", most), len(s.again) <= most)
	} else {
		a.figure("  p50 in round trips", fmt.Sprintf("%.2f", trips), "")
		a.figure("  late", late, "")
	}
	if len(s.again) > 0 {
		a.figure("    signed when asked for again", fmt.Sprintf("p50 %s, max %s after the first asking",
			testnet.Millis(s.again.Quantile(0.5)), testnet.Millis(s.again.Max())), "")
		for _, what := range slices.Sorted(maps.Keys(s.instead)) {
			a.figure("    answered at first", fmt.Sprintf("%s: %d", what, s.instead[what]), "")
		}
	}
	a.printf("  (the agent is at %s; it led: %s)", a.sites[testnet.Main], strings.Join(s.leaders, ", then "))
}
