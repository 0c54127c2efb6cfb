package machine

const (
	// MaxAge is how many entries a request may be behind the one that binds its slot. The log's index
	// is the one clock that all copies share. A busy log takes a thousand entries a second, and an
	// agent hears each second how far it is; at the pace of a chain it is some hours.
	MaxAge = 8192

	dated = 3 // version from which on a claim says when it was asked for
)

// Place is where an entry stands: its index in the log, and the version that it was written for.
type Place struct {
	Index   uint64
	Version uint32
}

// Dates reports whether a claim in this place says when it was asked for. One that does is of no
// use before: not everybody could read it.
func (p Place) Dates() bool { return p.Version >= dated }

// Stale reports whether what was asked at that index may not be bound by an entry in this place: it
// is too old, or later than it can be, or says nothing. So what somebody on the way kept back
// cannot be bound much later, when the node that asked has long done something else.
func (p Place) Stale(askedAt uint64) bool {
	if !p.Dates() {
		return false
	}
	return askedAt == 0 || askedAt >= p.Index || p.Index-askedAt > MaxAge
}
