package watermark_test

import (
	"slices"

	"casper-cosigner/rule/refusal"
	"casper-cosigner/rule/watermark"
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

// reset frees the heights from one to another of which the operator saw that they were bound, or
// that they could not be any more. Where some of before stay bound the marks stay above what those
// push out.
func (m *model) reset(r watermark.Reset, saw []uint64) {
	pruned, limit := m.pruned(true), max(r.Until, r.Until+1)
	if r.Height > m.newest[true] || r.Until < r.Height || m.floor[true] > limit || pruned > max(r.From, r.Height) {
		return
	}
	m.newest[true] = r.Height
	for p := range m.released {
		if p.kind != "finality" {
			continue
		}
		if p.at >= r.Height && p.at <= r.Until && (p.at < r.From || slices.Contains(saw, p.at)) {
			delete(m.released, p)
			continue
		}
		m.newest[true] = max(m.newest[true], p.at)
	}
	m.first[true] = min(pruned, r.Height)
	m.floor[true] = min(m.floor[true], max(r.Height, m.pruned(true)))
}
