package watermark_test

import (
	"maps"
	"slices"

	"casper-cosigner/rule/refusal"
)

// place is a slot as the model sees it.
type place struct {
	kind  string // "echo", "vote" or "finality"
	at    uint64 // era, or height for finality
	voice spoken
	round uint32
}

// spoken is what a node speaks under.
type spoken struct{ instance, chainspec uint16 }

// model is the rule told slowly: it never forgets anything that was released, but for heights that
// were reset.
type model struct {
	released map[place]map[string]bool // the values that ever left, per slot
	voices   map[string]map[uint64][]spoken
	named    map[uint64][]uint16 // chainspecs under which an era runs again
	first    map[bool]uint64     // keyed by "is finality", as are the next two
	newest   map[bool]uint64
	floor    map[bool]uint64
}

func newModel(era, height uint64) *model {
	marks := func() map[bool]uint64 { return map[bool]uint64{false: era, true: height} }
	return &model{map[place]map[string]bool{}, map[string]map[uint64][]spoken{},
		map[uint64][]uint16{}, marks(), marks(), marks()}
}

// pruned is the lowest place of which anything is still known.
func (m *model) pruned(finality bool) uint64 {
	kept := map[bool]uint64{false: 12, true: 16384}[finality]
	return max(m.first[finality], max(m.newest[finality], kept-1)-(kept-1))
}

// claim returns what is to come of a claim.
func (m *model) claim(node string, p place, value string) string {
	finality := p.kind == "finality"
	switch {
	case len(m.released[p]) > 0 && p.at >= m.pruned(finality):
		return "held"
	case p.at < m.floor[finality]:
		return "below the floor"
	case !finality && !m.mayUse(node, p):
		return "other instance in use"
	}
	m.released[p] = map[string]bool{value: true}
	m.newest[finality] = max(m.newest[finality], p.at)
	m.floor[finality] = max(m.floor[finality], m.pruned(finality))
	if !finality && m.voices[node] == nil {
		m.voices[node] = map[uint64][]spoken{}
	}
	if !finality {
		m.voices[node][p.at] = append(m.voices[node][p.at], p.voice)
	}
	return "claimed"
}

// mayUse reports whether a node has spoken under no other voice where this one counts: under the
// same named chainspec, or under any that was not named.
func (m *model) mayUse(node string, p place) bool {
	counts := func(v spoken) int { return slices.Index(m.named[p.at], v.chainspec) }
	return !slices.ContainsFunc(m.voices[node][p.at], func(v spoken) bool {
		return v != p.voice && counts(v) == counts(p.voice)
	})
}

func (m *model) rerun(era uint64, chainspec uint16) refusal.Reason {
	named := m.named[era]
	switch {
	case era < m.pruned(false):
		return refusal.BelowPruned
	case era > m.newest[false]+2:
		return refusal.EraUnknown
	case slices.Contains(named, chainspec):
		return refusal.None
	case len(named) == 3:
		return refusal.TooManyReruns
	}
	m.named[era] = append(named, chainspec)
	return refusal.None
}

// reset frees the heights from to on.
func (m *model) reset(to uint64) bool {
	if to > m.newest[true] {
		return false
	}
	m.first[true] = min(m.pruned(true), to)
	m.newest[true], m.floor[true] = to, min(m.floor[true], to)
	maps.DeleteFunc(m.released, func(p place, _ map[string]bool) bool { return p.kind == "finality" && p.at >= to })
	return true
}
