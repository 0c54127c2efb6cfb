package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// FailoverStatus is who is active and what comes next, with the settings that decide it. Durations
// are seconds.
type FailoverStatus struct {
	Schema   string    `json:"schema"`
	At       time.Time `json:"at"`
	State    State     `json:"state"`
	Problems []string  `json:"problems"`
	Leader   string    `json:"leader"`
	From     string    `json:"from"`
	Main     string    `json:"main"`
	Settings Settings  `json:"settings"`
	Roles
	Members []string `json:"-"` // cosigners and nodes, as the cluster file has them
}

// Settings is the cluster file's settings of failover.
type Settings struct {
	Failover      string  `json:"failover"`
	Failback      string  `json:"failback"`
	PingInterval  float64 `json:"ping_interval"`
	PingTimeout   float64 `json:"ping_timeout"`
	FailoverAfter float64 `json:"failover_after"`
	FailbackAfter float64 `json:"failback_after"`
}

// NewFailoverStatus is the part of a status that is about roles.
func NewFailoverStatus(c Cluster, s Status) FailoverStatus {
	f := c.Failover
	return FailoverStatus{Schema: Schema, At: s.At, State: s.State, Problems: s.Problems,
		Leader: s.Leader, From: s.From, Main: c.Main,
		Settings: Settings{Failover: f.Policy, Failback: f.Return, PingInterval: f.PingInterval.Seconds(),
			PingTimeout: f.PingTimeout.Seconds(), FailoverAfter: f.After.Seconds(), FailbackAfter: f.FailbackAfter.Seconds()},
		Roles: s.Roles, Members: slices.Concat(c.Cosigners, c.Nodes)}
}

// Line is all of it in one line, for logs.
func (v FailoverStatus) Line() string {
	parts := []string{fmt.Sprintf("%s active %s, epoch %d, mode %s",
		v.At.Format(time.RFC3339), cmp.Or(v.Active, "none"), v.Epoch, v.Mode)}
	for _, n := range v.Nodes {
		parts = append(parts, n.Name+" "+v.StateOf(n))
	}
	if v.Hold != nil {
		parts = append(parts, "held "+v.Hold.Text(v.At))
	}
	return strings.Join(append(parts, "next "+v.Next()), "; ")
}

// Next says what is about to change.
func (v FailoverStatus) Next() string {
	if v.Leader == "" {
		return "nothing: no cosigner leads"
	}
	return v.Judgement.Text(v.At)
}

// CoolDownText says until when nobody takes over by itself, since roles changed lately.
func (v FailoverStatus) CoolDownText() string {
	if v.CoolDown == nil {
		return "over"
	}
	return fmt.Sprintf("no failover before %s, %s", v.CoolDown.UTC().Format(time.RFC3339), In(v.At, *v.CoolDown))
}

// History is the last changes of mode, roles and marks.
type History struct {
	Schema  string   `json:"schema"`
	From    string   `json:"from"`
	Changes []Change `json:"changes"` // oldest first
}

// Change is one of them, and what brought it about.
type Change struct {
	Epoch   uint64    `json:"epoch"` // 0 for one of the marks
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	Subject string    `json:"subject,omitempty"`
	Cause   string    `json:"cause"`
	Reason  string    `json:"reason"`
}

// NewHistory takes over what the named cosigner's log holds.
func NewHistory(from string, changes []*cosignerv1.RoleChange) History {
	h := History{Schema: Schema, From: from, Changes: []Change{}}
	for _, x := range changes {
		h.Changes = append(h.Changes, Change{Epoch: x.GetEpoch(), At: time.UnixMilli(x.GetAt()).UTC(), What: x.GetWhat(),
			Subject: x.GetSubject(), Cause: x.GetCause(), Reason: x.GetReason()})
	}
	return h
}

// Text is what was done, and to whom.
func (c Change) Text() string {
	if c.Subject == "" {
		return c.What
	}
	return c.What + " " + c.Subject
}
