package drill

import (
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// tally notes the slots of our validator from one place to another: rounds from the first on, the
// one that is open at the first change among them, and before the last; heights above the first and
// up to the last.
type tally struct {
	first, last failover.Place
	votes       map[roundKey]bool
	ends        map[uint64]uint32 // highest round that holds anything, by era
	signed      map[uint64]bool   // heights
	byNode      map[string]Bound
}

type roundKey struct {
	era   uint64
	round uint32
}

func newTally(first, last failover.Place) *tally {
	return &tally{first: first, last: last, votes: map[roundKey]bool{}, ends: map[uint64]uint32{},
		signed: map[uint64]bool{}, byNode: map[string]Bound{}}
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
			t.signed[m.Height] = true
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

// round is what the cosigners saw of a round: whether a vote was bound. Who led it, and whether a
// block came, they do not know.
func (t *tally) round(era uint64, id uint32) report.Round {
	return report.Round{Era: era, ID: id, Vote: report.Seen(t.votes[roundKey{era, id}])}
}

// rounds returns the counted ones. How many rounds an era had is known of the last only: before
// that it is taken to end where we last signed, and to have one round at least.
func (t *tally) rounds() (all []report.Round) {
	for era := t.first.Era; era <= t.last.Era; era++ {
		from, end := uint32(0), t.last.Round
		if era == t.first.Era {
			from = t.first.Round
		}
		if era < t.last.Era {
			end = max(from, t.ends[era]) + 1
		}
		for id := from; id < end; id++ {
			all = append(all, t.round(era, id))
		}
	}
	return all
}

// heights returns the counted ones.
func (t *tally) heights() (all []report.Height) {
	for h := t.first.Height + 1; h <= t.last.Height; h++ {
		all = append(all, report.Height{Height: h, Signed: report.Seen(t.signed[h])})
	}
	return all
}

// roundsBetween is how many rounds the second place is at least after the first.
func roundsBetween(a, b failover.Place) uint32 {
	if a.Era == b.Era {
		return b.Round - min(a.Round, b.Round)
	}
	return b.Round
}

func newestPlace(s *cosignerv1.StatusResponse) failover.Place {
	return failover.Place{Era: s.GetNewest().GetEra(), Round: s.GetNewestRound(), Height: s.GetNewest().GetHeight()}
}
