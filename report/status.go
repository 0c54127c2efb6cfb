package report

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// State is how a cluster is.
type State string

// The states of a cluster.
const (
	OK       State = "ok"
	Degraded State = "degraded"  // the cosigners can sign, but something is missing or wrong
	NoQuorum State = "no_quorum" // nothing is signed
	Unknown  State = "unknown"   // cosigners refuse to tell, and the others are too few to know
)

// Status is how a cluster is. Times are RFC 3339 in UTC, absent when they are not known. Except for
// the cosigners it is the view of the one named by From.
type Status struct {
	Schema    string     `json:"schema"`
	At        time.Time  `json:"at"`
	State     State      `json:"state"`
	Problems  []string   `json:"problems"`
	Hints     []string   `json:"hints"` // settings that do not fit; no fault of the state
	Cluster   string     `json:"cluster"`
	Chain     string     `json:"chain"`
	Validator string     `json:"validator"`
	Threshold int        `json:"threshold"`
	Leader    string     `json:"leader"`
	From      string     `json:"from"`
	Started   bool       `json:"started"` // whether the log has its first entry
	Pruned    Mark       `json:"pruned"`
	Floor     Mark       `json:"floor"`
	Newest    Newest     `json:"newest"`
	Cosigners []Cosigner `json:"cosigners"`
	Refusals  []Refusal  `json:"refusals"`
	Roles
}

// Mark is an era and a height.
type Mark struct {
	Era    uint64 `json:"era"`
	Height uint64 `json:"height"`
}

// Newest is the highest era and height claimed, and the newest round of that era.
type Newest struct {
	Mark
	Round uint32 `json:"round"`
}

// Cosigner is one cosigner, as it answered.
type Cosigner struct {
	Name           string `json:"name"`
	Address        string `json:"address"`
	Reachable      bool   `json:"reachable"`
	Error          string `json:"error,omitempty"`
	Refused        bool   `json:"refused,omitempty"` // it does not take the operator's certificate
	Foreign        bool   `json:"foreign,omitempty"` // the operator's cluster file does not know its certificate
	Version        string `json:"version"`
	Leads          bool   `json:"leads"`
	Ready          bool   `json:"ready"`
	Term           uint64 `json:"term"`
	Applied        uint64 `json:"applied_index"`
	SameFile       bool   `json:"same_cluster_file"`
	TornRecords    uint64 `json:"torn_records"`
	DifferingSlots uint64 `json:"differing_slots"`
	LedgerBehind   bool   `json:"ledger_behind,omitempty"` // it did not follow a reset of the heights
	Peers          []Peer `json:"peers"`
	// UnheardAgents have not told it what they remember; HeldBack is why it gives no share until
	// others are heard, or because of what they remember.
	UnheardAgents []string `json:"unheard_agents,omitempty"`
	HeldBack      string   `json:"held_back,omitempty"`
	// NotStarted is why the cluster does not start though all have met.
	NotStarted string `json:"not_started,omitempty"`
	// AttestsOnly says that it gives no share: all nodes of its cluster file are stock.
	AttestsOnly bool `json:"attests_only,omitempty"`
	// Split is the fingerprint of the split that its share is of; empty if it uses none, or does not
	// tell.
	Split string `json:"split,omitempty"`
}

// Peer is another cosigner, as this one sees it.
type Peer struct {
	Name        string `json:"name"`
	Reachable   bool   `json:"reachable"`
	Commitments uint32 `json:"commitments"`
	LastError   string `json:"last_error,omitempty"`
	BadShares   uint64 `json:"bad_shares"`
	Refuses     string `json:"refuses,omitempty"` // why it refuses the one that sees it
	// RTTSeconds is the round trip between the two; 0 if it is not known.
	RTTSeconds float64 `json:"rtt_seconds"`
}

// RTT writes the round trip, "-" if it is not known.
func (p Peer) RTT() string {
	if p.RTTSeconds == 0 {
		return "-"
	}
	return roundTrip(time.Duration(p.RTTSeconds * float64(time.Second)))
}

// Refusal is a request that was refused lately.
type Refusal struct {
	At     *time.Time `json:"at,omitempty"`
	Node   string     `json:"node"`
	Slot   string     `json:"slot"`
	Reason string     `json:"reason"`
}

// NewStatus puts the cosigners' answers together, which are in the cluster file's order.
func NewStatus(c Cluster, answers []Answer, at time.Time) Status {
	s := Status{Schema: Schema, At: at.UTC(), Cluster: fmt.Sprintf("%x", c.ID), Chain: c.Chain, Validator: c.Validator,
		Threshold: c.Threshold, Problems: []string{}, Hints: []string{}, Cosigners: []Cosigner{}, Refusals: []Refusal{},
		Roles: NewRoles(c, nil, at)}
	lead := Leader(answers)
	for i, a := range answers {
		s.Cosigners = append(s.Cosigners, newCosigner(c, a, i == lead))
	}
	if i := Foremost(answers); i >= 0 {
		s.From = answers[i].Name
		s.fill(c, answers[i].Status)
	}
	if lead >= 0 {
		s.Leader = answers[lead].Name
	}
	s.conclude()
	s.Hints = append(s.Hints, advise(c, furthest(s.Cosigners))...)
	return s
}

// fill takes over one cosigner's view of what all share.
func (s *Status) fill(c Cluster, r *cosignerv1.StatusResponse) {
	s.Roles, s.Started = NewRoles(c, r, s.At), r.GetNewest() != nil
	s.Pruned, s.Floor, s.Newest = markOf(r.GetPruned()), markOf(r.GetFloor()), newestOf(r)
	for _, x := range r.GetRefusals() {
		s.Refusals = append(s.Refusals, Refusal{At: timeOf(x.GetAt()), Node: x.GetNode(), Slot: x.GetSlot(),
			Reason: strings.ReplaceAll(x.GetReason(), "REFUSAL_REASON_", "")}) // as sign and the documentation have them
	}
}

func newCosigner(c Cluster, a Answer, leads bool) Cosigner {
	row := Cosigner{Name: a.Name, Address: a.Address, Peers: []Peer{}}
	st := a.Status
	if st == nil {
		row.Error, row.Refused, row.Foreign = a.Error, a.Refused, a.Foreign
		return row
	}
	row.Reachable, row.Version, row.Leads, row.Ready = true, st.GetVersion(), leads, st.GetReady()
	row.Term, row.Applied = st.GetTerm(), st.GetAppliedIndex()
	row.SameFile = bytes.Equal(st.GetClusterFileHash(), c.Hash[:])
	row.TornRecords, row.DifferingSlots = st.GetTornRecords(), st.GetDifferingSlots()
	row.LedgerBehind = st.GetLedgerResets() < st.GetResets()
	row.UnheardAgents, row.HeldBack = st.GetUnheardAgents(), st.GetHeldBack()
	row.NotStarted, row.AttestsOnly = st.GetNotStarted(), st.GetAttestsOnly()
	row.Split = hex.EncodeToString(st.GetSplit())
	for _, p := range st.GetPeers() {
		row.Peers = append(row.Peers, Peer{Name: p.GetName(), Reachable: p.GetReachable(), Commitments: p.GetCommitments(),
			LastError: p.GetLastError(), BadShares: p.GetBadShares(), Refuses: p.GetRefuses(),
			RTTSeconds: float64(p.GetRttUs()) / 1e6})
	}
	return row
}

// Watermark is how far the slots go, and how many hold anything.
type Watermark struct {
	Schema string         `json:"schema"`
	Pruned Mark           `json:"pruned"`
	Floor  Mark           `json:"floor"`
	Newest Newest         `json:"newest"`
	Held   map[string]int `json:"held"` // slots, by kind
	Reset  *Reset         `json:"reset,omitempty"`
	Reruns []Rerun        `json:"reruns,omitempty"`
}

// Reset is the last reset of the heights.
type Reset struct {
	Count    uint64 `json:"count"` // of all
	Height   uint64 `json:"height"`
	Until    uint64 `json:"until"`
	Network  string `json:"network_version"`
	Operator string `json:"operator"`
	Reason   string `json:"reason"`
}

// Rerun is an era that runs again under another chainspec.
type Rerun struct {
	Era       uint64 `json:"era"`
	Chainspec string `json:"chainspec"`
}

// NewWatermark takes the marks over from a cosigner's view. No slot is counted yet.
func NewWatermark(r *cosignerv1.StatusResponse) Watermark {
	w := Watermark{Schema: Schema, Pruned: markOf(r.GetPruned()), Floor: markOf(r.GetFloor()), Newest: newestOf(r),
		Held: map[string]int{}}
	if last := r.GetLastReset(); last != nil {
		v := last.GetNetwork()
		w.Reset = &Reset{Count: r.GetResets(), Height: last.GetHeight(), Until: last.GetUntil(),
			Network:  fmt.Sprintf("%d.%d.%d", v.GetMajor(), v.GetMinor(), v.GetPatch()),
			Operator: last.GetOperator(), Reason: last.GetReason()}
	}
	for _, again := range r.GetReruns() {
		w.Reruns = append(w.Reruns, Rerun{Era: again.GetEra(), Chainspec: hex.EncodeToString(again.GetChainspec())})
	}
	return w
}

// markOf takes a mark over from an answer.
func markOf(m *cosignerv1.Mark) Mark { return Mark{Era: m.GetEra(), Height: m.GetHeight()} }

// newestOf is the newest that a cosigner's view holds.
func newestOf(s *cosignerv1.StatusResponse) Newest {
	return Newest{Mark: markOf(s.GetNewest()), Round: s.GetNewestRound()}
}

// timeOf returns nil for no time and for the beginning of Unix time, which stands for it.
func timeOf(t *timestamppb.Timestamp) *time.Time {
	if t == nil || t.AsTime().UnixMilli() == 0 {
		return nil
	}
	at := t.AsTime()
	return &at
}
