package watermark_test

// place is a slot as the model sees it.
type place struct {
	kind     string // "echo", "vote" or "finality"
	at       uint64 // era, or height for finality
	instance uint16
	round    uint32
}

// model is the rule told slowly: it never forgets anything that was released.
type model struct {
	released map[place]map[string]bool // the values that ever left, per slot
	voices   map[string]map[uint64]uint16
	first    map[bool]uint64 // keyed by "is finality", as are the next two
	newest   map[bool]uint64
	floor    map[bool]uint64
}

func newModel(era, height uint64) *model {
	marks := func() map[bool]uint64 { return map[bool]uint64{false: era, true: height} }
	return &model{map[place]map[string]bool{}, map[string]map[uint64]uint16{}, marks(), marks(), marks()}
}

// pruned is the lowest place of which anything is still known.
func (m *model) pruned(finality bool) uint64 {
	kept := map[bool]uint64{false: 12, true: 16384}[finality]
	return max(m.first[finality], max(m.newest[finality], kept-1)-(kept-1))
}

// claim returns what is to come of a claim.
func (m *model) claim(node string, p place, value string) string {
	finality := p.kind == "finality"
	voice, spoke := m.voices[node][p.at]
	switch {
	case len(m.released[p]) > 0 && p.at >= m.pruned(finality):
		return "held"
	case p.at < m.floor[finality]:
		return "below the floor"
	case !finality && p.round >= 7200:
		return "round too high"
	case !finality && spoke && voice != p.instance:
		return "other instance in use"
	}
	m.released[p] = map[string]bool{value: true}
	m.newest[finality] = max(m.newest[finality], p.at)
	m.floor[finality] = max(m.floor[finality], m.pruned(finality))
	if !finality && m.voices[node] == nil {
		m.voices[node] = map[uint64]uint16{}
	}
	if !finality {
		m.voices[node][p.at] = p.instance
	}
	return "claimed"
}
