package held

// Lead is who leads, as far as this cosigner's own Raft knows.
type Lead struct {
	Name string // empty if nobody is known to lead
	Term uint64 // the newest
}

// Heeds says whether the cosigner of that name, which knows this, may use a nonce for whoever asks
// as the leader of a term: Holds for itself and for the leader of the own term, Waits while it may
// still come to know that one leads it, and else Over or Stranger. What the asker says of its term
// raises nothing.
func (l Lead) Heeds(self, asker string, term uint64) Answer {
	switch {
	case term < l.Term:
		return Over
	case asker == self:
		return Holds
	case term > l.Term || l.Name == "":
		return Waits
	case asker == l.Name:
		return Holds
	}
	return Stranger
}
