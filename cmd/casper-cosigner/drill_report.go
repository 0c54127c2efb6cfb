package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// drillJSON is what failover drill prints as JSON.
type drillJSON struct {
	Schema      string      `json:"schema"`
	At          time.Time   `json:"at"` // when it began
	Mode        string      `json:"mode"`
	Main        string      `json:"main"`
	Standby     string      `json:"standby"`
	KeptSeconds float64     `json:"kept_seconds"`    // with the standby active
	Ended       string      `json:"ended,omitempty"` // why that ended before its time
	Active      string      `json:"active"`          // at the end
	Epoch       uint64      `json:"epoch"`           // at the end
	First       placeJSON   `json:"first"`           // newest when it began
	Last        placeJSON   `json:"last"`            // rounds before it and heights up to it are counted
	Rounds      int         `json:"rounds"`
	Heights     int         `json:"heights"`
	LostRounds  []placeJSON `json:"lost_rounds"` // without a vote of ours; heights are 0
	LostHeights []uint64    `json:"lost_heights"`
	Nodes       []drillNode `json:"nodes"`
}

type placeJSON struct {
	Era    uint64 `json:"era"`
	Round  uint32 `json:"round"`
	Height uint64 `json:"height"`
}

// drillNode is how far a node had asked before and after, and how many of the counted slots it bound.
type drillNode struct {
	Name   string    `json:"name"`
	Before placeJSON `json:"before"`
	After  placeJSON `json:"after"`
	bound
}

type bound struct {
	Echoes     int `json:"echoes"`
	Votes      int `json:"votes"`
	Signatures int `json:"finality_signatures"`
}

// tally counts the slots of our validator from one place to another: rounds from the first on, the one that is open at
// the first change among them, and before the last; heights above the first and up to the last.
type tally struct {
	first, last failover.Place
	votes       map[roundKey]bool
	ends        map[uint64]uint32 // highest round that holds anything, by era
	heights     map[uint64]bool
	byNode      map[string]bound
}

type roundKey struct {
	era   uint64
	round uint32
}

func newTally(first, last failover.Place) *tally {
	return &tally{first: first, last: last, votes: map[roundKey]bool{}, ends: map[uint64]uint32{}, heights: map[uint64]bool{},
		byNode: map[string]bound{}}
}

// add counts a held slot, and who asked for it.
func (t *tally) add(node string, m casper.Message) {
	b := t.byNode[node]
	switch m := m.(type) {
	case casper.Echo:
		if t.counts(m.Round) {
			b.Echoes++
		}
	case casper.Vote:
		if t.counts(m.Round) {
			b.Votes++
			t.votes[roundKey{m.Era, m.ID}] = true
		}
	case casper.Finality:
		if m.Height > t.first.Height && m.Height <= t.last.Height {
			b.Signatures++
			t.heights[m.Height] = true
		}
	}
	t.byNode[node] = b
}

// counts reports whether the round is counted, and remembers how far its era went.
func (t *tally) counts(r casper.Round) bool {
	switch {
	case r.Era < t.first.Era || r.Era == t.first.Era && r.ID < t.first.Round:
		return false
	case r.Era > t.last.Era || r.Era == t.last.Era && r.ID >= t.last.Round:
		return false
	}
	t.ends[r.Era] = max(t.ends[r.Era], r.ID)
	return true
}

// lost returns how many rounds and heights there were, and those that hold no vote, or no finality signature. How many
// rounds an era had is known of the last only: before that it is taken to end where we last signed, and to have one round
// at least.
func (t *tally) lost() (rounds, heights int, without []placeJSON, missing []uint64) {
	without, missing = []placeJSON{}, []uint64{}
	for era := t.first.Era; era <= t.last.Era; era++ {
		from, end := uint32(0), t.last.Round
		if era == t.first.Era {
			from = t.first.Round
		}
		if era < t.last.Era {
			end = max(from, t.ends[era]) + 1
		}
		for r := from; r < end; r++ {
			rounds++
			if !t.votes[roundKey{era, r}] {
				without = append(without, placeJSON{Era: era, Round: r})
			}
		}
	}
	for h := t.first.Height + 1; h <= t.last.Height; h++ {
		heights++
		if !t.heights[h] {
			missing = append(missing, h)
		}
	}
	return rounds, heights, without, missing
}

// fill takes over the counts, and what the nodes had asked for before and after.
func (r *drillJSON) fill(t *tally, before, after *cosignerv1.StatusResponse) {
	r.First, r.Last = placeJSON(t.first), placeJSON(t.last)
	r.Rounds, r.Heights, r.LostRounds, r.LostHeights = t.lost()
	asked := map[string]placeJSON{}
	for _, n := range before.GetNodes() {
		asked[n.GetName()] = placeJSON{n.GetEra(), n.GetRound(), n.GetHeight()}
	}
	r.Nodes = []drillNode{}
	for _, n := range after.GetNodes() {
		r.Nodes = append(r.Nodes, drillNode{Name: n.GetName(), Before: asked[n.GetName()],
			After: placeJSON{n.GetEra(), n.GetRound(), n.GetHeight()}, bound: t.byNode[n.GetName()]})
	}
}

// print writes the report for people.
func (r drillJSON) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "rehearsal\t%s was active for %v; now %s is\n", r.Standby, report.Span(r.KeptSeconds), r.Active)
	if r.Ended != "" {
		fmt.Fprintf(t, "ended early\t%s\n", r.Ended)
	}
	fmt.Fprintf(t, "mode\t%s, epoch %d\n", r.Mode, r.Epoch)
	fmt.Fprintf(t, "rounds\t%d, from era %d round %d; without a vote of ours: %d\n", r.Rounds, r.First.Era, r.First.Round, len(r.LostRounds))
	for _, p := range r.LostRounds {
		fmt.Fprintf(t, "\tlost: era %d round %d\n", p.Era, p.Round)
	}
	fmt.Fprintf(t, "heights\t%d, from %d; without a finality signature of ours: %d\n", r.Heights, r.First.Height+1, len(r.LostHeights))
	for _, h := range r.LostHeights {
		fmt.Fprintf(t, "\tlost: height %d\n", h)
	}
	fmt.Fprintf(t, "\nNODE\tASKED BEFORE\tASKED AFTER\tBOUND ECHOES\tVOTES\tFINALITY SIGNATURES\n")
	for _, n := range r.Nodes {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\n", n.Name, n.Before.text(), n.After.text(), n.Echoes, n.Votes, n.Signatures)
	}
	return t.Flush()
}

func (p placeJSON) text() string {
	return fmt.Sprintf("era %d round %d height %d", p.Era, p.Round, p.Height)
}

// fault is what the rehearsal failed by, nil if it lost nothing.
func (r drillJSON) fault() error {
	switch {
	case r.Ended != "":
		return errorf("the rehearsal ended early: %s", r.Ended)
	case len(r.LostRounds) > 0 || len(r.LostHeights) > 0:
		return errorf("the rehearsal lost %s and %s", report.Count(len(r.LostRounds), "round"), report.Count(len(r.LostHeights), "height"))
	case r.Rounds == 0:
		return errorf("no round went by; nothing was rehearsed")
	}
	return nil
}
