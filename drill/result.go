package drill

import (
	"errors"
	"fmt"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
)

// Result is what a rehearsal came to.
type Result struct {
	Schema      string    `json:"schema"`
	At          time.Time `json:"at"` // when it began
	Mode        string    `json:"mode"`
	Main        string    `json:"main"`
	Standby     string    `json:"standby"`
	KeptSeconds float64   `json:"kept_seconds"`    // with the standby active
	Ended       string    `json:"ended,omitempty"` // why that ended before its time
	Active      string    `json:"active"`          // at the end
	Epoch       uint64    `json:"epoch"`           // at the end
	First       Place     `json:"first"`           // newest when it began
	Last        Place     `json:"last"`            // rounds before it and heights up to it are counted
	Rounds      int       `json:"rounds"`
	Heights     int       `json:"heights"`
	LostRounds  []Place   `json:"lost_rounds"` // without a vote of ours; heights are 0
	LostHeights []uint64  `json:"lost_heights"`
	Nodes       []Node    `json:"nodes"`

	// Unseen is what the cosigners cannot tell of a round: one without a vote of ours counts as
	// lost though no block may have come of it, and one with a vote as kept though we may have led
	// it in vain.
	Unseen []string `json:"-"`
}

// Place is a round and a height.
type Place struct {
	Era    uint64 `json:"era"`
	Round  uint32 `json:"round"`
	Height uint64 `json:"height"`
}

// String is the place in words.
func (p Place) String() string {
	return fmt.Sprintf("era %d round %d height %d", p.Era, p.Round, p.Height)
}

// Node is how far a node had asked before and after, and how many of the counted slots it bound.
type Node struct {
	Name   string `json:"name"`
	Before Place  `json:"before"`
	After  Place  `json:"after"`
	Bound
}

// Bound is how many slots a node bound.
type Bound struct {
	Echoes     int `json:"echoes"`
	Votes      int `json:"votes"`
	Signatures int `json:"finality_signatures"`
}

// Fault is what the rehearsal failed by, nil if it lost nothing.
func (r Result) Fault() error {
	switch {
	case r.Ended != "":
		return fmt.Errorf("the rehearsal ended early: %s", r.Ended)
	case len(r.LostRounds) > 0 || len(r.LostHeights) > 0:
		return fmt.Errorf("the rehearsal lost %s and %s",
			report.Count(len(r.LostRounds), "round"), report.Count(len(r.LostHeights), "height"))
	case r.Rounds == 0:
		return errors.New("no round went by; nothing was rehearsed")
	}
	return nil
}

// fill takes over the counts, and what the nodes had asked for before and after.
func (r *Result) fill(t *tally, before, after *cosignerv1.StatusResponse) {
	r.First, r.Last = Place(t.first), Place(t.last)
	r.Unseen = t.round(t.first.Era, t.first.Round).Unseen()
	r.LostRounds, r.LostHeights = []Place{}, []uint64{}
	for _, o := range t.rounds() {
		r.Rounds++
		if o.Fate().Lost() {
			r.LostRounds = append(r.LostRounds, Place{Era: o.Era, Round: o.ID})
		}
	}
	for _, h := range t.heights() {
		r.Heights++
		if h.Lost() {
			r.LostHeights = append(r.LostHeights, h.Height)
		}
	}
	asked := map[string]Place{}
	for _, n := range before.GetNodes() {
		asked[n.GetName()] = Place{n.GetEra(), n.GetRound(), n.GetHeight()}
	}
	r.Nodes = []Node{}
	for _, n := range after.GetNodes() {
		r.Nodes = append(r.Nodes, Node{Name: n.GetName(), Before: asked[n.GetName()],
			After: Place{n.GetEra(), n.GetRound(), n.GetHeight()}, Bound: t.byNode[n.GetName()]})
	}
}
