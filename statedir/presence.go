package statedir

import (
	"crypto/rand"

	"casper-cosigner/rule/presence"
)

// What is shown of a state, and what follows from it, are package presence's.
type (
	// ID is a random 16-byte name of a cluster, a state directory or a process.
	ID = presence.ID
	// Presence is what a cosigner shows of the state that it runs on.
	Presence = presence.Presence
	// Condition is how the process is.
	Condition = presence.Condition
	// Sighting is what was seen of a peer.
	Sighting = presence.Sighting
	// Fall is how far a state went back.
	Fall = presence.Fall
	// PeerError is returned by Admit for a peer whose state is not what was seen of it before.
	PeerError = presence.PeerError
)

// NewID returns a random ID.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails: the runtime ends the process instead
	return id
}
