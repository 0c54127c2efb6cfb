package report

import (
	"fmt"
	"strings"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// Health is what the node's agent said of it. Times are counted back from the agent's last ping.
type Health struct {
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
	RefusedFor   *float64   `json:"refused_seconds,omitempty"` // they refused all that they answered
	ShutdownAt   *time.Time `json:"shutdown_at,omitempty"`
	FaultAt      *time.Time `json:"fault_at,omitempty"`
	FaultEra     uint64     `json:"fault_era,omitempty"`
	EventsError  string     `json:"events_error,omitempty"` // why its events are not heard
	LeftoverKey  string     `json:"leftover_key,omitempty"`
	Undrilled    string     `json:"undrilled,omitempty"`        // which of its programs would get no key
	Unknown      string     `json:"unknown_instance,omitempty"` // why its messages cannot be claimed
}

// Ping is how a node's agent reaches another member.
type Ping struct {
	To         string     `json:"to"`
	AnsweredAt *time.Time `json:"answered_at,omitempty"` // absent: never
	RTTSeconds float64    `json:"rtt_seconds"`
	Sent       uint32     `json:"sent"`
	Lost       uint32     `json:"lost"`
}

func newHealth(h *cosignerv1.NodeHealth, told time.Time) *Health {
	v := &Health{StatusAt: before(told, h.StatusAgoMs), StatusError: h.GetStatusError(), Reactor: h.GetReactorState(),
		Era: h.GetBlock().GetEra(), Height: h.GetBlock().GetHeight(), LowestHeight: h.GetLowestHeight(),
		RoundSeconds: millis(h.GetRoundLengthMs()).Seconds(), PublicKey: h.GetPublicKey(), Peers: h.GetPeers(),
		Version: h.GetVersion(), UpgradeEra: h.UpgradeEra, ShutdownAt: before(told, h.ShutdownAgoMs),
		FaultAt: before(told, h.FaultAgoMs), FaultEra: h.GetFaultEra(),
		EventsError: h.GetEventsError(), LeftoverKey: h.GetLeftoverKey(),
		Undrilled: h.GetUndrilled(), Unknown: h.GetUnknownInstance()}
	v.BlockedFor, v.RefusedFor = lasting(h.BlockedMs), lasting(h.RefusedMs)
	return v
}

// lasting returns a length of time in seconds, nil if there is none.
func lasting(ms *uint64) *float64 {
	if ms == nil {
		return nil
	}
	seconds := millis(*ms).Seconds()
	return &seconds
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

// Text sums /status up in words.
func (h *Health) Text(at time.Time) string {
	switch {
	case h == nil:
		return "-"
	case h.StatusAt == nil && h.StatusError == "":
		return "not asked"
	case h.StatusAt == nil:
		return h.StatusError
	}
	parts := []string{h.Reactor, fmt.Sprintf("height %d", h.Height)}
	if h.RoundSeconds > 0 {
		parts = append(parts, fmt.Sprintf("rounds of %v", Span(h.RoundSeconds)))
	} else {
		parts = append(parts, "no open era")
	}
	parts = append(parts, Count(int(h.Peers), "peer"), h.Version)
	if h.UpgradeEra != nil {
		parts = append(parts, fmt.Sprintf("upgrade at era %d", *h.UpgradeEra))
	}
	if h.StatusError != "" {
		parts = append(parts, fmt.Sprintf("%s, then %s", Ago(at, h.StatusAt), h.StatusError))
	}
	return strings.Join(parts, ", ")
}

// Text is the round-trip time in words, and how many of the recent pings were lost.
func (p Ping) Text(at time.Time) string {
	lost := fmt.Sprintf("lost %d/%d", p.Lost, p.Sent)
	switch {
	case p.Sent == 0:
		return "-"
	case p.AnsweredAt == nil:
		return "no answer ever, " + lost
	case p.Lost == p.Sent:
		return "last answer " + Ago(at, p.AnsweredAt) + ", " + lost
	}
	return fmt.Sprintf("%.1f ms, %s", p.RTTSeconds*1000, lost)
}
