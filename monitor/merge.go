package monitor

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// told is what one cosigner told of the nodes, and when its answer came. How long that was under way is neglected: a
// round trip is far less than any setting.
type told struct {
	at     time.Time
	report *cosignerv1.GatherResponse
}

// heard is what counts of what the cosigners heard from one node's agent.
type heard struct {
	at     time.Time // when its ping came
	report *cosignerv1.NodeReport
}

// freshPings is for how many ping intervals what this cosigner heard itself counts alone.
const freshPings = 3

// hear returns what counts of what all have told of the nodes; the first of them is this cosigner. It believes its own ears
// while a node pings it; of one that does not, what the threshold of the others have heard, at the least: any fewer of them
// may be compromised, and could make a dead node look alive. A node of which nothing counts is absent.
func hear(all []told, s failover.Settings) map[string]heard {
	best := map[string]heard{}
	for _, name := range s.Nodes {
		own := all[0].of(name)
		if !own.at.IsZero() && all[0].at.Sub(own.at) <= freshPings*s.PingInterval {
			best[name] = own
			continue
		}
		var others []heard
		for _, t := range all[1:] {
			if h := t.of(name); !h.at.IsZero() {
				others = append(others, h)
			}
		}
		slices.SortStableFunc(others, func(a, b heard) int { return b.at.Compare(a.at) })
		if n := max(s.Threshold, 1); n <= len(others) && others[n-1].at.After(own.at) {
			own = others[n-1]
		}
		if !own.at.IsZero() {
			best[name] = own
		}
	}
	return best
}

// of returns what one cosigner heard of the named node, zero if nothing.
func (t told) of(name string) heard {
	for _, r := range t.report.GetNodes() {
		if r.HeardAgoMs != nil && r.GetName() == name {
			return heard{at: wire.Then(r.HeardAgoMs, t.at), report: r}
		}
	}
	return heard{}
}

// merge returns what the cosigners know together: how many have told, since when the threshold of them that have
// listened longest all do, and each node as it was heard.
func merge(all []told, best map[string]heard, s failover.Settings) failover.Observation {
	o := failover.Observation{Reporting: len(all), Listening: listening(all, s.Threshold), Nodes: map[string]failover.Node{}}
	for name, h := range best {
		o.Nodes[name] = h.node()
	}
	for reporter, h := range best {
		for _, r := range h.report.GetReach() {
			name := r.GetName()
			if r.AnsweredAgoMs == nil || name == reporter || !slices.Contains(s.Nodes, name) {
				continue
			}
			n := o.Nodes[name]
			if at := wire.Then(r.AnsweredAgoMs, h.at); at.After(n.HeardByAgent) {
				n.HeardByAgent = at
				o.Nodes[name] = n
			}
		}
	}
	return o
}

// listening returns the latest start among the threshold of cosigners that have listened longest, or among all if they
// are fewer.
func listening(all []told, threshold int) time.Time {
	starts := make([]time.Time, 0, len(all))
	for _, t := range all {
		ms := t.report.GetListeningMs()
		starts = append(starts, wire.Then(&ms, t.at))
	}
	slices.SortFunc(starts, time.Time.Compare)
	return starts[min(max(threshold, 1), len(starts))-1]
}

// node returns the node as its agent described it in that ping.
func (h heard) node() failover.Node {
	n := wire.Node(h.report.GetHealth(), h.at)
	n.Heard = h.at
	return n
}

// sinceMs is an age in milliseconds.
func sinceMs(at, now time.Time) uint64 { return uint64(max(now.Sub(at), 0).Milliseconds()) }
