package monitor

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer/failover"
)

// maxAge bounds the ages that others tell: beyond it they mean the same, and no arithmetic on times overflows.
const maxAge = 365 * 24 * time.Hour

// told is what one cosigner told of the nodes, and when its answer came. How long that was under way is neglected: a
// round trip is far less than any setting.
type told struct {
	at     time.Time
	report *cosignerv1.GatherResponse
}

// heard is the newest that any cosigner heard from one node's agent.
type heard struct {
	at     time.Time // when its ping came
	report *cosignerv1.NodeReport
}

// newest returns, of what all have told of the named nodes, the newest of each. A node of which nobody heard is absent.
func newest(all []told, names []string) map[string]heard {
	best := map[string]heard{}
	for _, t := range all {
		for _, r := range t.report.GetNodes() {
			if r.HeardAgoMs == nil || !slices.Contains(names, r.GetName()) {
				continue
			}
			h := heard{at: t.at.Add(-age(r.GetHeardAgoMs())), report: r}
			if b, ok := best[r.GetName()]; !ok || h.at.After(b.at) {
				best[r.GetName()] = h
			}
		}
	}
	return best
}

// merge returns what the cosigners know together: how many have told, since when the threshold of them that have
// listened longest all do, and each node as it was heard last.
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
			if at := h.ago(r.AnsweredAgoMs); at.After(n.HeardByAgent) {
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
		starts = append(starts, t.at.Add(-age(t.report.GetListeningMs())))
	}
	if len(starts) == 0 {
		return time.Time{}
	}
	slices.SortFunc(starts, time.Time.Compare)
	return starts[min(max(threshold, 1), len(starts))-1]
}

// node returns the node as its agent described it in that ping.
func (h heard) node() failover.Node {
	n := failover.Node{Heard: h.at}
	health := h.report.GetHealth()
	if health == nil {
		return n
	}
	rounds, heights := health.GetRounds(), health.GetHeights()
	n.Rounds, n.Heights = h.progress(rounds), h.progress(heights)
	n.Place = failover.Place{Era: rounds.GetEra(), Round: rounds.GetRound(), Height: heights.GetHeight()}
	n.Status = failover.Status{
		At: h.ago(health.StatusAgoMs), Error: health.GetStatusError(), Reactor: health.GetReactorState(),
		Height: health.GetBlock().GetHeight(), Lowest: health.GetLowestHeight(), Round: age(health.GetRoundLengthMs()),
		Key: health.GetPublicKey(), Peers: health.GetPeers(), Version: health.GetVersion(), UpgradeEra: health.GetUpgradeEra(),
	}
	n.Blocked, n.Shutdown, n.Fault = h.ago(health.BlockedMs), h.ago(health.ShutdownAgoMs), h.ago(health.FaultAgoMs)
	n.FaultEra, n.LeftoverKey = health.GetFaultEra(), health.GetLeftoverKey()
	for i, ms := range health.GetLostLeadsAgoMs() {
		if i < len(n.LostLeads) {
			n.LostLeads[i] = h.ago(&ms)
		}
	}
	return n
}

// progress returns when the node asked; it is zero if it never did.
func (h heard) progress(a *cosignerv1.Asked) failover.Progress {
	if a == nil || a.AgoMs == nil {
		return failover.Progress{}
	}
	return failover.Progress{Asked: h.ago(a.AgoMs), Advanced: h.at.Add(-age(a.GetAdvancedAgoMs()))}
}

// ago returns the time that was so many milliseconds before the ping, zero if none are given.
func (h heard) ago(ms *uint64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return h.at.Add(-age(*ms))
}

func age(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(maxAge.Milliseconds()))) * time.Millisecond
}

// sinceMs is the inverse of age.
func sinceMs(at, now time.Time) uint64 { return uint64(max(now.Sub(at), 0).Milliseconds()) }
