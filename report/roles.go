package report

import (
	"slices"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Roles is who is active and why, what comes next, and how the nodes are: one cosigner's view of
// it.
type Roles struct {
	Mode      string     `json:"mode"`
	Active    string     `json:"active"`
	Epoch     uint64     `json:"epoch"`
	Since     *time.Time `json:"since,omitempty"` // of the last change, of whatever kind; likewise the next two
	Cause     string     `json:"cause"`           // operator, or the code of a failover rule
	Reason    string     `json:"reason"`
	Suspended []string   `json:"suspended"`
	Hold      *Hold      `json:"hold,omitempty"`            // absent: roles may change by themselves
	CoolDown  *time.Time `json:"cool_down_until,omitempty"` // absent: it is over
	Judgement *Judgement `json:"judgement,omitempty"`       // absent: not the leader's view, or it has not judged yet
	Nodes     []Node     `json:"nodes"`
}

// Judgement is the leader's of the nodes: the rule's code and why, and what comes next.
type Judgement struct {
	Code    string     `json:"code"`
	Why     string     `json:"why"`
	Node    string     `json:"node,omitempty"` // that is to become active
	Due     *time.Time `json:"due,omitempty"`
	Confirm bool       `json:"confirm"`         // it waits for an operator
	Rearm   *Rearm     `json:"rearm,omitempty"` // absent: no node is stock
}

// Node is one node, as the answering cosigner has it.
type Node struct {
	Name        string     `json:"name"`
	Main        bool       `json:"main"`
	Active      bool       `json:"active"`
	Suspended   bool       `json:"suspended"`
	Ready       bool       `json:"ready"`
	Condition   string     `json:"condition"` // code of what keeps it from being well or ready
	Why         string     `json:"why"`
	LastPing    *time.Time `json:"last_ping,omitempty"`
	LastRequest *time.Time `json:"last_request,omitempty"`
	Era         uint64     `json:"era"`
	Round       uint32     `json:"round"`
	Height      uint64     `json:"height"`
	LagRounds   *uint32    `json:"lag_rounds,omitempty"`  // absent: it asked for none, or is in an earlier era
	LagHeights  *uint64    `json:"lag_heights,omitempty"` // absent: it asked for none
	Health      *Health    `json:"health,omitempty"`
	Fault       *Fault     `json:"fault,omitempty"` // absent: it tells of none
	Pings       []Ping     `json:"pings"`
}

// NewRoles takes one cosigner's view.
func NewRoles(c Cluster, r *cosignerv1.StatusResponse, at time.Time) Roles {
	v := Roles{Mode: ModeName(r.GetMode()), Active: r.GetActive(), Epoch: r.GetEpoch(), Since: timeOf(r.GetSince()),
		Cause: r.GetCause(), Reason: r.GetReason(), Suspended: append([]string{}, r.GetSuspended()...),
		Hold: HoldOf(r.GetHoldUntil()), Nodes: []Node{}}
	if v.Since != nil {
		if end := v.Since.Add(c.Failover.After); end.After(at) {
			v.CoolDown = &end
		}
	}
	if j := r.GetJudgement(); j.GetCode() != "" {
		v.Judgement = &Judgement{Code: j.GetCode(), Why: j.GetWhy(), Node: j.GetNode(),
			Due: timeOf(j.GetDue()), Confirm: j.GetConfirm(), Rearm: newRearm(j.GetRearm())}
	}
	for _, n := range r.GetNodes() {
		row := newNode(n)
		row.Main, row.Active = n.GetName() == c.Main, n.GetName() == r.GetActive()
		row.Suspended = slices.Contains(r.GetSuspended(), n.GetName())
		v.Nodes = append(v.Nodes, row)
	}
	v.measureLag()
	return v
}

func newNode(n *cosignerv1.NodeStatus) Node {
	row := Node{Name: n.GetName(), Ready: n.GetReady(), Condition: n.GetCondition(), Why: n.GetWhy(),
		LastPing: timeOf(n.GetLastPing()), LastRequest: timeOf(n.GetLastRequest()),
		Era: n.GetEra(), Round: n.GetRound(), Height: n.GetHeight(), Pings: []Ping{}}
	row.Fault = newFault(n, row.LastPing)
	if n.GetHealth() != nil && row.LastPing != nil {
		row.Health = newHealth(n.GetHealth(), *row.LastPing)
	}
	for _, p := range n.GetReach() {
		ping := Ping{To: p.GetName(), RTTSeconds: (time.Duration(p.GetRttUs()) * time.Microsecond).Seconds(),
			Sent: p.GetSent(), Lost: p.GetLost()}
		if row.LastPing != nil {
			ping.AnsweredAt = before(*row.LastPing, p.AnsweredAgoMs)
		}
		row.Pings = append(row.Pings, ping)
	}
	return row
}

// measureLag says how far each node is behind the one that has asked furthest.
func (v *Roles) measureLag() {
	var newest Node
	for _, n := range v.Nodes {
		if n.Era > newest.Era || n.Era == newest.Era && n.Round > newest.Round {
			newest.Era, newest.Round = n.Era, n.Round
		}
		newest.Height = max(newest.Height, n.Height)
	}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.LastRequest != nil && n.Era == newest.Era {
			rounds := newest.Round - n.Round
			n.LagRounds = &rounds
		}
		if n.Height > 0 {
			heights := newest.Height - n.Height
			n.LagHeights = &heights
		}
	}
}

// ModeName is a mode as operators write it.
func ModeName(m cosignerv1.Mode) string {
	switch m {
	case cosignerv1.Mode_MODE_HOT:
		return "hot"
	case cosignerv1.Mode_MODE_FENCED:
		return "fenced"
	}
	return "unknown"
}

// IsReady reports whether the answering cosigner takes the node for ready. One that it does not
// know is not.
func IsReady(seen *cosignerv1.StatusResponse, node string) bool {
	return slices.ContainsFunc(seen.GetNodes(), func(n *cosignerv1.NodeStatus) bool {
		return n.GetName() == node && n.GetReady()
	})
}

// IsLast reports whether the node is the only one that is not suspended, so that nobody would sign
// without it.
func IsLast(seen *cosignerv1.StatusResponse, node string) bool {
	last := false
	for _, n := range seen.GetNodes() {
		if slices.Contains(seen.GetSuspended(), n.GetName()) {
			continue
		}
		if n.GetName() != node {
			return false
		}
		last = true
	}
	return last
}
