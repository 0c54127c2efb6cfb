package main

import (
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// rolesJSON is who is active and why, what comes next, and how the nodes are: one cosigner's view of it.
type rolesJSON struct {
	Mode      string         `json:"mode"`
	Active    string         `json:"active"`
	Epoch     uint64         `json:"epoch"`
	Since     *time.Time     `json:"since,omitempty"` // of the last change, of whatever kind; likewise the next two
	Cause     string         `json:"cause"`           // operator, or the code of a failover rule
	Reason    string         `json:"reason"`
	Suspended []string       `json:"suspended"`
	Hold      *holdJSON      `json:"hold,omitempty"`            // absent: roles may change by themselves
	CoolDown  *time.Time     `json:"cool_down_until,omitempty"` // absent: it is over
	Judgement *judgementJSON `json:"judgement,omitempty"`       // absent: not the leader's view, or it has not judged yet
	Nodes     []nodeRow      `json:"nodes"`
}

type holdJSON struct {
	Until *time.Time `json:"until,omitempty"` // absent: until failover resume
}

type judgementJSON struct {
	Code    string     `json:"code"`
	Why     string     `json:"why"`
	Node    string     `json:"node,omitempty"` // that is to become active
	Due     *time.Time `json:"due,omitempty"`
	Confirm bool       `json:"confirm"` // it waits for an operator
}

type nodeRow struct {
	Name        string      `json:"name"`
	Main        bool        `json:"main"`
	Active      bool        `json:"active"`
	Suspended   bool        `json:"suspended"`
	Ready       bool        `json:"ready"`
	Condition   string      `json:"condition"` // code of what keeps it from being well or ready
	Why         string      `json:"why"`
	LastPing    *time.Time  `json:"last_ping,omitempty"`
	LastRequest *time.Time  `json:"last_request,omitempty"`
	Era         uint64      `json:"era"`
	Round       uint32      `json:"round"`
	Height      uint64      `json:"height"`
	LagRounds   *uint32     `json:"lag_rounds,omitempty"`  // absent: it asked for none, or is in an earlier era
	LagHeights  *uint64     `json:"lag_heights,omitempty"` // absent: it asked for none
	Health      *healthJSON `json:"health,omitempty"`
	Pings       []pingRow   `json:"pings"`
}

// healthJSON is what the node's agent said of it. Times are counted back from the agent's last ping.
type healthJSON struct {
	StatusAt     *time.Time `json:"status_at,omitempty"` // last good answer of /status
	StatusError  string     `json:"status_error,omitempty"`
	Reactor      string     `json:"reactor_state"`
	Era          uint64     `json:"era"`
	Height       uint64     `json:"height"`
	LowestHeight uint64     `json:"lowest_height"`
	RoundSeconds float64    `json:"round_seconds"` // 0: no era is open to the node
	PublicKey    string     `json:"public_key"`
	Peers        uint32     `json:"peers"`
	Version      string     `json:"version"`
	UpgradeEra   *uint64    `json:"upgrade_era,omitempty"`
	BlockedFor   *float64   `json:"blocked_seconds,omitempty"` // the cosigners left all its requests unanswered
	ShutdownAt   *time.Time `json:"shutdown_at,omitempty"`
	FaultAt      *time.Time `json:"fault_at,omitempty"`
	FaultEra     uint64     `json:"fault_era,omitempty"`
	EventsError  string     `json:"events_error,omitempty"` // why its events are not heard
	LeftoverKey  string     `json:"leftover_key,omitempty"`
}

// pingRow is how a node's agent reaches another member.
type pingRow struct {
	To         string     `json:"to"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"` // absent: never
	RTTSeconds float64    `json:"rtt_seconds"`
	Sent       uint32     `json:"sent"`
	Lost       uint32     `json:"lost"`
}

// newRoles takes one cosigner's view.
func newRoles(f *cluster.File, r *cosignerv1.StatusResponse, at time.Time) rolesJSON {
	v := rolesJSON{Mode: modeName(r.GetMode()), Active: r.GetActive(), Epoch: r.GetEpoch(), Since: timeOf(r.GetSince()),
		Cause: r.GetCause(), Reason: r.GetReason(), Suspended: append([]string{}, r.GetSuspended()...),
		Hold: holdOf(r.GetHoldUntil()), Nodes: []nodeRow{}}
	if v.Since != nil {
		if end := v.Since.Add(time.Duration(f.Failover.After)); end.After(at) {
			v.CoolDown = &end
		}
	}
	if j := r.GetJudgement(); j.GetCode() != "" {
		v.Judgement = &judgementJSON{Code: j.GetCode(), Why: j.GetWhy(), Node: j.GetNode(), Due: timeOf(j.GetDue()), Confirm: j.GetConfirm()}
	}
	for _, n := range r.GetNodes() {
		row := newNodeRow(n)
		row.Main, row.Active = n.GetName() == f.Main, n.GetName() == r.GetActive()
		row.Suspended = slices.Contains(r.GetSuspended(), n.GetName())
		v.Nodes = append(v.Nodes, row)
	}
	v.measureLag()
	return v
}

func newNodeRow(n *cosignerv1.NodeStatus) nodeRow {
	row := nodeRow{Name: n.GetName(), Ready: n.GetReady(), Condition: n.GetCondition(), Why: n.GetWhy(),
		LastPing: timeOf(n.GetLastPing()), LastRequest: timeOf(n.GetLastRequest()),
		Era: n.GetEra(), Round: n.GetRound(), Height: n.GetHeight(), Pings: []pingRow{}}
	if n.GetHealth() != nil && row.LastPing != nil {
		row.Health = newHealth(n.GetHealth(), *row.LastPing)
	}
	for _, p := range n.GetReach() {
		ping := pingRow{To: p.GetName(), RTTSeconds: (time.Duration(p.GetRttUs()) * time.Microsecond).Seconds(),
			Sent: p.GetSent(), Lost: p.GetLost()}
		if row.LastPing != nil {
			ping.AnsweredAt = before(*row.LastPing, p.AnsweredAgoMs)
		}
		row.Pings = append(row.Pings, ping)
	}
	return row
}

func newHealth(h *cosignerv1.NodeHealth, told time.Time) *healthJSON {
	v := &healthJSON{StatusAt: before(told, h.StatusAgoMs), StatusError: h.GetStatusError(), Reactor: h.GetReactorState(),
		Era: h.GetBlock().GetEra(), Height: h.GetBlock().GetHeight(), LowestHeight: h.GetLowestHeight(),
		RoundSeconds: millis(h.GetRoundLengthMs()).Seconds(), PublicKey: h.GetPublicKey(), Peers: h.GetPeers(),
		Version: h.GetVersion(), UpgradeEra: h.UpgradeEra, ShutdownAt: before(told, h.ShutdownAgoMs),
		FaultAt: before(told, h.FaultAgoMs), FaultEra: h.GetFaultEra(), EventsError: h.GetEventsError(), LeftoverKey: h.GetLeftoverKey()}
	if h.BlockedMs != nil {
		blocked := millis(h.GetBlockedMs()).Seconds()
		v.BlockedFor = &blocked
	}
	return v
}

// measureLag says how far each node is behind the one that has asked furthest.
func (v *rolesJSON) measureLag() {
	var newest nodeRow
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

// problems lists what is wrong with the nodes, and what waits for an operator.
func (v *rolesJSON) problems(problem func(format string, args ...any)) {
	for _, n := range v.Nodes {
		switch {
		case n.Active && n.Suspended:
			problem("node %s is active and suspended", n.Name)
		case v.Judgement != nil && !n.Ready:
			problem("node %s is not ready%s", n.Name, n.because())
		case v.Judgement != nil && n.Condition != "":
			problem("node %s is not well%s", n.Name, n.because())
		}
		if n.Health == nil {
			continue
		}
		if n.Health.EventsError != "" {
			problem("node %s: its events are not heard, so no fault of the validator would be noticed: %s", n.Name, n.Health.EventsError)
		}
		if n.Health.LeftoverKey != "" {
			problem("node %s: a secret key of the validator lies on its host, %s; what it signs is in nobody's record", n.Name, n.Health.LeftoverKey)
		}
		if n.Health.FaultAt != nil {
			problem("node %s reports that the validator equivocated in era %d", n.Name, n.Health.FaultEra)
		}
	}
	if v.Hold != nil && v.Cause == "fault" {
		problem("roles do not change by themselves since a fault was reported: %s", v.Reason)
	}
	if j := v.Judgement; j != nil && j.Confirm {
		problem("node %s is to become active and waits for an operator: %s", j.Node, j.Why)
	} else if j != nil && j.Code == "nobody_ready" {
		problem("no node can take over from %s", v.Active)
	}
}

// because writes a node's condition after what it keeps the node from.
func (n nodeRow) because() string {
	switch {
	case n.Condition == "":
		return ""
	case n.Why == "":
		return ": " + n.Condition
	}
	return ": " + n.Condition + ", " + n.Why
}

// endOfTime is the last second of a protobuf Timestamp, in Unix time; who holds until then holds for good.
const endOfTime = 253402300799

// holdOf returns until when automatic changes are stopped, nil if they are not.
func holdOf(until *timestamppb.Timestamp) *holdJSON {
	switch {
	case until == nil:
		return nil
	case until.GetSeconds() >= endOfTime:
		return &holdJSON{}
	}
	return &holdJSON{Until: timeOf(until)}
}

// before returns the time that was so many milliseconds before at, nil if it is not known.
func before(at time.Time, ago *uint64) *time.Time {
	if ago == nil {
		return nil
	}
	then := at.Add(-millis(*ago))
	return &then
}

func millis(ms uint64) time.Duration { return time.Duration(ms) * time.Millisecond }
