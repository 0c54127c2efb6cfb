// Package ear is what a cosigner hears of the nodes: it takes the pings of their agents, tells the
// other cosigners of them, and puts together what all of them have heard.
//
// It promises that a node which died is never taken for alive by what piled up while this process
// stood still, nor by the word of fewer other cosigners than the threshold; and that nobody counts
// as silent for a time in which the cosigners did not listen. It passes on what an agent told
// unread, so that what a newer one tells besides is not lost.
//
// It leaves to others: to carry pings and reports (monitor), what a node's account says
// (rule/wire), and what all of it means (rule/failover).
package ear

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

const (
	// MaxPing bounds a ping in bytes: the most that members, paths and error texts come to,
	// several times over.
	MaxPing = 16 << 10
	// Settle is how long pings are not noted after a pause: what piled up tells of then as
	// if it were now.
	Settle = 100 * time.Millisecond
	// freshPings is for how many ping intervals what this cosigner heard itself counts alone.
	freshPings = 3
)

// Ear is what one cosigner has heard. It is not safe for concurrent use. The times that it is given
// are of one host and never go back.
type Ear struct {
	settings failover.Settings
	pings    map[string]ping
	awake    time.Time // when this process was last known to run
	paused   time.Time // when it went on after a pause; zero: it never was paused
	began    time.Time // since when it has listened without a break
	signing  time.Time // since when signatures could be made without a break; zero: they cannot
	bound    failover.Place
	boundAt  time.Time // since when that is the round
}

// ping is what an agent told last.
type ping struct {
	at      time.Time
	request *cosignerv1.PingRequest
}

// New returns an Ear that listens from its first use on.
func New(s failover.Settings) *Ear { return &Ear{settings: s, pings: map[string]ping{}} }

// Awake notes that the process runs, and begins to listen anew if it did not for so long that a
// node may look silent only because its pings have not been read: each node pings at least three
// times within Settings.After.
func (e *Ear) Awake(now time.Time) {
	switch {
	case e.awake.IsZero():
		e.began = now
	case now.Sub(e.awake) > e.settings.After/2:
		e.began, e.paused = now, now
	}
	e.awake = now
}

// Heard notes what the named node's agent tells now. Its error says that the settings do not name
// the node, or that it told more than there is to tell.
func (e *Ear) Heard(node string, r *cosignerv1.PingRequest, now time.Time) error {
	if !slices.Contains(e.settings.Nodes, node) {
		return fmt.Errorf("no node %q in the cluster file", node)
	}
	if size := proto.Size(r); size > MaxPing {
		return fmt.Errorf("a ping of %d bytes, at most %d are taken", size, MaxPing)
	}
	if e.Awake(now); now.Sub(e.paused) >= Settle {
		e.pings[node] = ping{at: now, request: r}
	}
	return nil
}

// Report tells the other cosigners what the agents told this one.
func (e *Ear) Report(now time.Time) *cosignerv1.GatherResponse {
	e.Awake(now)
	r := &cosignerv1.GatherResponse{ListeningMs: uint64(now.Sub(e.began).Milliseconds())}
	for _, name := range slices.Sorted(maps.Keys(e.pings)) {
		p := e.pings[name]
		r.Nodes = append(r.Nodes, &cosignerv1.NodeReport{Name: name, HeardAgoMs: wire.Ago(p.at, now),
			Health: p.request.GetHealth(), Reach: p.request.GetReach()})
	}
	return r
}
