package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// The states of a cluster.
const (
	stateOK       = "ok"
	stateDegraded = "degraded"
	stateNoQuorum = "no_quorum"
)

// statusJSON is what status prints as JSON. Times are RFC 3339 in UTC, absent when they are not known. Except for the
// cosigners it is the view of the one named by "from".
type statusJSON struct {
	Schema    string        `json:"schema"`
	At        time.Time     `json:"at"`
	State     string        `json:"state"`
	Problems  []string      `json:"problems"`
	Cluster   string        `json:"cluster"`
	Chain     string        `json:"chain"`
	Validator string        `json:"validator"`
	Threshold int           `json:"threshold"`
	Leader    string        `json:"leader"`
	From      string        `json:"from"`
	Mode      string        `json:"mode"`
	Active    string        `json:"active"`
	Epoch     uint64        `json:"epoch"`
	Since     *time.Time    `json:"since,omitempty"`
	Reason    string        `json:"reason"`
	Suspended []string      `json:"suspended"`
	Pruned    markJSON      `json:"pruned"`
	Floor     markJSON      `json:"floor"`
	Newest    newestJSON    `json:"newest"`
	Cosigners []cosignerRow `json:"cosigners"`
	Nodes     []nodeRow     `json:"nodes"`
	Refusals  []refusalRow  `json:"refusals"`
}

type markJSON struct {
	Era    uint64 `json:"era"`
	Height uint64 `json:"height"`
}

type newestJSON struct {
	markJSON
	Round uint32 `json:"round"`
}

type cosignerRow struct {
	Name           string    `json:"name"`
	Address        string    `json:"address"`
	Reachable      bool      `json:"reachable"`
	Error          string    `json:"error,omitempty"`
	Version        string    `json:"version"`
	Leads          bool      `json:"leads"`
	Ready          bool      `json:"ready"`
	Term           uint64    `json:"term"`
	Applied        uint64    `json:"applied_index"`
	SameFile       bool      `json:"same_cluster_file"`
	TornRecords    uint64    `json:"torn_records"`
	DifferingSlots uint64    `json:"differing_slots"`
	Peers          []peerRow `json:"peers"`
}

type peerRow struct {
	Name        string `json:"name"`
	Reachable   bool   `json:"reachable"`
	Commitments uint32 `json:"commitments"`
	LastError   string `json:"last_error,omitempty"`
	BadShares   uint64 `json:"bad_shares"`
}

type nodeRow struct {
	Name        string     `json:"name"`
	Main        bool       `json:"main"`
	Active      bool       `json:"active"`
	Suspended   bool       `json:"suspended"`
	LastRequest *time.Time `json:"last_request,omitempty"`
	Era         uint64     `json:"era"`
	Round       uint32     `json:"round"`
	Height      uint64     `json:"height"`
}

type refusalRow struct {
	At     *time.Time `json:"at,omitempty"`
	Node   string     `json:"node"`
	Slot   string     `json:"slot"`
	Reason string     `json:"reason"`
}

// newStatus puts the cosigners' views together.
func newStatus(f *cluster.File, replies []reply, at time.Time) statusJSON {
	s := statusJSON{Schema: schema, At: at.UTC(), Cluster: fmt.Sprintf("%x", []byte(f.ID)), Chain: f.Chain,
		Validator: f.Validator.String(), Threshold: f.Threshold, Mode: modeName(0), Problems: []string{},
		Suspended: []string{}, Cosigners: []cosignerRow{}, Nodes: []nodeRow{}, Refusals: []refusalRow{}}
	lead := leader(replies)
	for i, r := range replies {
		s.Cosigners = append(s.Cosigners, newCosignerRow(f, r, i == lead))
	}
	if i := mostAdvanced(replies); i >= 0 {
		s.From = replies[i].entry.Name
		s.fill(f, replies[i].status)
	}
	if lead >= 0 {
		s.Leader = replies[lead].entry.Name
	}
	s.judge()
	return s
}

// fill takes over one cosigner's view of what all share.
func (s *statusJSON) fill(f *cluster.File, r *cosignerv1.StatusResponse) {
	s.Mode, s.Active, s.Epoch, s.Reason = modeName(r.GetMode()), r.GetActive(), r.GetEpoch(), r.GetReason()
	s.Since = timeOf(r.GetSince())
	s.Suspended = append(s.Suspended, r.GetSuspended()...)
	s.Pruned, s.Floor, s.Newest = markOf(r.GetPruned()), markOf(r.GetFloor()), newestOf(r)
	for _, n := range r.GetNodes() {
		s.Nodes = append(s.Nodes, nodeRow{Name: n.GetName(), Main: n.GetName() == f.Main, Active: n.GetName() == r.GetActive(),
			Suspended: slices.Contains(r.GetSuspended(), n.GetName()), LastRequest: timeOf(n.GetLastRequest()),
			Era: n.GetEra(), Round: n.GetRound(), Height: n.GetHeight()})
	}
	for _, x := range r.GetRefusals() {
		s.Refusals = append(s.Refusals, refusalRow{At: timeOf(x.GetAt()), Node: x.GetNode(), Slot: x.GetSlot(), Reason: x.GetReason()})
	}
}

func newCosignerRow(f *cluster.File, r reply, leads bool) cosignerRow {
	row := cosignerRow{Name: r.entry.Name, Address: r.entry.AdminAddress, Peers: []peerRow{}}
	if r.err != nil {
		row.Error = reason(r.err)
		return row
	}
	hash, st := f.Hash(), r.status
	row.Reachable, row.Version, row.Leads, row.Ready = true, st.GetVersion(), leads, st.GetReady()
	row.Term, row.Applied = st.GetTerm(), st.GetAppliedIndex()
	row.SameFile = bytes.Equal(st.GetClusterFileHash(), hash[:])
	row.TornRecords, row.DifferingSlots = st.GetTornRecords(), st.GetDifferingSlots()
	for _, p := range st.GetPeers() {
		row.Peers = append(row.Peers, peerRow{Name: p.GetName(), Reachable: p.GetReachable(), Commitments: p.GetCommitments(),
			LastError: p.GetLastError(), BadShares: p.GetBadShares()})
	}
	return row
}

// judge lists the problems and says what they come to. Without a leader, or with fewer ready cosigners than the
// threshold, which is more than half, nothing is signed.
func (s *statusJSON) judge() {
	problem := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	ready, answers := 0, map[string]bool{}
	for _, c := range s.Cosigners {
		answers[c.Name] = c.Reachable
	}
	for _, c := range s.Cosigners {
		switch {
		case !c.Reachable:
			problem("cosigner %s does not answer: %s", c.Name, c.Error)
			continue
		case !c.Ready:
			problem("cosigner %s is not ready to give shares", c.Name)
		default:
			ready++
		}
		if !c.SameFile {
			problem("cosigner %s has another cluster file than this host", c.Name)
		}
		if c.DifferingSlots > 0 {
			problem("cosigner %s gives no share for %s: its ledger and the log differ", c.Name, plural(int(c.DifferingSlots), "slot"))
		}
		for _, p := range c.Peers {
			if !p.Reachable && answers[p.Name] { // else it is listed once already
				problem("cosigner %s does not reach %s: %s", c.Name, p.Name, p.LastError)
			}
			if p.BadShares > 0 {
				problem("cosigner %s got %s from %s", c.Name, plural(int(p.BadShares), "bad share"), p.Name)
			}
		}
	}
	for _, n := range s.Nodes {
		if n.Active && n.Suspended {
			problem("node %s is active and suspended", n.Name)
		}
	}
	switch {
	case s.Leader == "":
		problem("no cosigner leads: nothing is signed")
		s.State = stateNoQuorum
	case ready < s.Threshold:
		problem("%d ready cosigners, %d are needed: nothing is signed", ready, s.Threshold)
		s.State = stateNoQuorum
	case len(s.Problems) > 0:
		s.State = stateDegraded
	default:
		s.State = stateOK
	}
}

func markOf(m *cosignerv1.Mark) markJSON { return markJSON{Era: m.GetEra(), Height: m.GetHeight()} }

func newestOf(s *cosignerv1.StatusResponse) newestJSON {
	return newestJSON{markJSON: markOf(s.GetNewest()), Round: s.GetNewestRound()}
}

// timeOf returns nil for no time and for the beginning of Unix time, which stands for it.
func timeOf(t *timestamppb.Timestamp) *time.Time {
	if t == nil || t.AsTime().UnixMilli() == 0 {
		return nil
	}
	at := t.AsTime()
	return &at
}
