package main

import (
	"bytes"
	"fmt"
	"strings"
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
	Started   bool          `json:"started"` // whether the log has its first entry
	Pruned    markJSON      `json:"pruned"`
	Floor     markJSON      `json:"floor"`
	Newest    newestJSON    `json:"newest"`
	Cosigners []cosignerRow `json:"cosigners"`
	Refusals  []refusalRow  `json:"refusals"`
	rolesJSON
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

type refusalRow struct {
	At     *time.Time `json:"at,omitempty"`
	Node   string     `json:"node"`
	Slot   string     `json:"slot"`
	Reason string     `json:"reason"`
}

// newStatus puts the cosigners' views together.
func newStatus(f *cluster.File, replies []reply, at time.Time) statusJSON {
	s := statusJSON{Schema: schema, At: at.UTC(), Cluster: fmt.Sprintf("%x", []byte(f.ID)), Chain: f.Chain,
		Validator: f.Validator.String(), Threshold: f.Threshold, Problems: []string{}, Cosigners: []cosignerRow{},
		Refusals: []refusalRow{}, rolesJSON: newRoles(f, nil, at)}
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
	s.rolesJSON, s.Started = newRoles(f, r, s.At), r.GetNewest() != nil
	s.Pruned, s.Floor, s.Newest = markOf(r.GetPruned()), markOf(r.GetFloor()), newestOf(r)
	for _, x := range r.GetRefusals() {
		s.Refusals = append(s.Refusals, refusalRow{At: timeOf(x.GetAt()), Node: x.GetNode(), Slot: x.GetSlot(),
			Reason: strings.ReplaceAll(x.GetReason(), "REFUSAL_REASON_", "")}) // as sign and the documentation have them
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
	ready := s.cosignerProblems(problem)
	s.problems(problem)
	switch {
	case s.Leader == "":
		problem("no cosigner leads: nothing is signed")
		if s.From != "" && !s.Started {
			problem("if the cluster is new, it is not started: waiting for %s", s.awaited())
		}
		s.State = stateNoQuorum
	case !s.Started:
		problem("not started: waiting for %s; nothing is signed", s.awaited())
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

// cosignerProblems lists what is wrong with the cosigners and returns how many are ready. Before the start none is, and
// none has commitments of another, which is not worth a line.
func (s *statusJSON) cosignerProblems(problem func(format string, args ...any)) (ready int) {
	answers := map[string]bool{}
	for _, c := range s.Cosigners {
		answers[c.Name] = c.Reachable
	}
	for _, c := range s.Cosigners {
		switch {
		case !c.Reachable:
			problem("cosigner %s does not answer: %s", c.Name, c.Error)
			continue
		case c.Ready:
			ready++
		case s.Started:
			problem("cosigner %s is not ready to give shares", c.Name)
		}
		if !c.SameFile {
			problem("cosigner %s has another cluster file than this host", c.Name)
		}
		if c.DifferingSlots > 0 {
			problem("cosigner %s gives no share for %s: its ledger and the log differ", c.Name, plural(int(c.DifferingSlots), "slot"))
		}
		for _, p := range c.Peers {
			if s.Started && !p.Reachable && answers[p.Name] { // else it is listed once already
				problem("cosigner %s does not reach %s: %s", c.Name, p.Name, p.LastError)
			}
			if p.BadShares > 0 {
				problem("cosigner %s got %s from %s", c.Name, plural(int(p.BadShares), "bad share"), p.Name)
			}
		}
	}
	return ready
}

// awaited says whom a cluster waits for that has not started: every cosigner must have met every other one.
func (s *statusJSON) awaited() string {
	var silent []string
	for _, c := range s.Cosigners {
		if !c.Reachable {
			silent = append(silent, c.Name)
		}
	}
	if silent == nil {
		return "the cosigners to have met each other"
	}
	return strings.Join(silent, ", ")
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
