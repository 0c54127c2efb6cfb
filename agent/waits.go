package agent

import (
	"sync"
	"time"

	"casper-cosigner/rule/failover"
)

// Waits is how long the gate of a stock node may wait for a grant, by what the cosigners say of who
// is active. NewWaits makes one. It is safe for concurrent use.
type Waits struct {
	node    string
	passive bool

	mu   sync.Mutex // guards what follows
	told failover.ActiveTold
}

// NewWaits returns the Waits of a node's gate, in a cluster where nodes that are not active are
// passive, or not.
func NewWaits(node string, passive bool, told failover.ActiveTold) *Waits {
	return &Waits{node: node, passive: passive, told: told}
}

// Heard takes in whom a cosigner's answer to a ping names active.
func (w *Waits) Heard(cosigner, node string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told.Heard(cosigner, node, now)
}

// Waits returns what the gate is told.
func (w *Waits) Waits(now time.Time) failover.Waits {
	w.mu.Lock()
	defer w.mu.Unlock()
	return failover.Known{Active: w.told.Active() == w.node, Passive: w.passive}.Waits(now)
}
