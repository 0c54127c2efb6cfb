package journal

import (
	"fmt"
	"time"
)

// Role is what a node of the pair is for, as far as its gate must know.
type Role string

// The roles. Their patience differs by so much that a short loss of quorum never takes both of a
// pair out of the same era: a node that was refused once casts no vote until the era ends.
const (
	Voter   Role = "voter"
	Passive Role = "passive"
)

// Patience is how long a message of ours waits to be granted, while the node's reactor waits too.
func (r Role) Patience() time.Duration {
	if r == Voter {
		return 8 * time.Second
	}
	return 250 * time.Millisecond
}

// ParseRole takes "voter" and "passive".
func ParseRole(text string) (Role, error) {
	if r := Role(text); r == Voter || r == Passive {
		return r, nil
	}
	return "", fmt.Errorf("a node's role is %q or %q, not %q", Voter, Passive, text)
}
