package ear

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// Told is what one cosigner told of the nodes, and when its answer came. How long that was under
// way is neglected: a round trip is far less than any setting.
type Told struct {
	From   string // its name
	At     time.Time
	Report *cosignerv1.GatherResponse
}

// Here is what this cosigner knows by itself.
type Here struct {
	Now   time.Time
	Wall  time.Time      // the wall clock, for what the log dates
	Bound failover.Place // how far slots are bound
	Signs bool           // a signature could be made now
}

// Observe puts together what the cosigners know. The first of all is this one. It also returns what
// counts of what each node's agent told, by name; callers only read that.
func (e *Ear) Observe(all []Told, h Here) (failover.Observation, map[string]*cosignerv1.NodeReport) {
	best := e.best(all)
	o := failover.Observation{Reporting: len(all), Listening: listening(all, e.settings.Threshold), Wall: h.Wall,
		Nodes: e.nodes(best)}
	switch {
	case !h.Signs:
		e.signing = time.Time{}
	case e.signing.IsZero():
		e.signing = h.Now
	}
	if h.Bound.Era != e.bound.Era || h.Bound.Round != e.bound.Round || e.boundAt.IsZero() {
		e.boundAt = h.Now
	}
	e.bound = h.Bound
	o.Signing, o.Bound, o.BoundAt = e.signing, e.bound, e.boundAt
	reports := make(map[string]*cosignerv1.NodeReport, len(best))
	for name, b := range best {
		reports[name] = b.report
	}
	return o, reports
}

// heard is what counts of what the cosigners heard from one node's agent.
type heard struct {
	at     time.Time // when its ping came
	report *cosignerv1.NodeReport
}

// best returns what counts of what all have told of the nodes. This cosigner believes its own ears
// while a node pings it; of one that does not, what the threshold of the others have heard, at the
// least: any fewer of them may be compromised, and could make a dead node look alive. A node of
// which nothing counts is absent.
func (e *Ear) best(all []Told) map[string]heard {
	s, best := e.settings, map[string]heard{}
	for _, name := range s.Nodes {
		own := all[0].of(name)
		if !own.at.IsZero() && all[0].At.Sub(own.at) <= freshPings*s.PingInterval {
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
func (t Told) of(name string) heard {
	for _, r := range t.Report.GetNodes() {
		if r.HeardAgoMs != nil && r.GetName() == name {
			return heard{at: wire.Then(r.HeardAgoMs, t.At), report: r}
		}
	}
	return heard{}
}

// nodes returns each node as it was heard, and when another agent reached its agent.
func (e *Ear) nodes(best map[string]heard) map[string]failover.Node {
	nodes := map[string]failover.Node{}
	for name, h := range best {
		n := wire.Node(h.report.GetHealth(), h.at)
		n.Heard = h.at
		nodes[name] = n
	}
	for reporter, h := range best {
		for _, r := range h.report.GetReach() {
			name := r.GetName()
			if r.AnsweredAgoMs == nil || name == reporter || !slices.Contains(e.settings.Nodes, name) {
				continue
			}
			n := nodes[name]
			if at := wire.Then(r.AnsweredAgoMs, h.at); at.After(n.HeardByAgent) {
				n.HeardByAgent = at
				nodes[name] = n
			}
		}
	}
	return nodes
}

// listening returns the latest start among the threshold of cosigners that have listened longest,
// or among all if they are fewer.
func listening(all []Told, threshold int) time.Time {
	starts := make([]time.Time, 0, len(all))
	for _, t := range all {
		ms := t.Report.GetListeningMs()
		starts = append(starts, wire.Then(&ms, t.At))
	}
	slices.SortFunc(starts, time.Time.Compare)
	return starts[min(max(threshold, 1), len(starts))-1]
}
