// Package tlspoint keeps the TLS points under which nodes may have handshake certificates signed.
//
// A certificate is an Ed25519 signature of 32 bytes that are an XOR of hashes; with a point of its
// own choosing at both ends a node could steer them towards something else (casper-signing: order
// of 2^85 work with two free points, 2^128 with one pinned). So each node's own end is pinned here
// when it starts. The package promises that a point belongs to one node; who asks, and that the
// point is on the curve, its callers see to.
package tlspoint

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/refusal"
)

// The limits. They belong to the version of the state machine.
const (
	kept     = 4           // points a node may have: the running process's, and of those before
	interval = time.Minute // within which it may change that often: a supervisor may start a node a few times in a row
)

// Registration is a node's point and when it was registered.
type Registration struct {
	Point casper.TLSPoint
	At    int64 // Unix milliseconds
}

// Registry is the state: at most four points a node, newest last. Its zero value is empty. It is
// not safe for concurrent use.
type Registry struct {
	nodes map[string][]Registration
}

// Register makes the point the node's newest one; at is Unix milliseconds. Registering a point that
// the node has already changes nothing. It returns why a point is refused, or None.
func (p *Registry) Register(node string, point casper.TLSPoint, at int64) refusal.Reason {
	why := p.Check(node, point, at)
	if why == refusal.None && !p.Has(node, point) {
		p.put(node, Registration{Point: point, At: at})
	}
	return why
}

// Check returns what Register would, and changes nothing.
func (p *Registry) Check(node string, point casper.TLSPoint, at int64) refusal.Reason {
	for owner := range p.nodes {
		switch {
		case !p.Has(owner, point):
		case owner == node:
			return refusal.None
		default:
			return refusal.PointTaken
		}
	}
	has := p.nodes[node]
	if len(has) == kept {
		// A clock that was set back must not lock a node out, hence the lower bound.
		if since := at - has[0].At; since >= 0 && since < interval.Milliseconds() {
			return refusal.PointsTooOften
		}
	}
	return refusal.None
}

// Restore puts back a registration that All yielded. It returns an error for a point that is
// somebody's already, which no Registry yields.
func (p *Registry) Restore(node string, r Registration) error {
	for owner := range p.nodes {
		if p.Has(owner, r.Point) {
			return fmt.Errorf("node %q: its TLS point is one of node %q already", node, owner)
		}
	}
	p.put(node, r)
	return nil
}

func (p *Registry) put(node string, r Registration) {
	if p.nodes == nil {
		p.nodes = map[string][]Registration{}
	}
	has := append(p.nodes[node], r)
	p.nodes[node] = has[max(0, len(has)-kept):]
}

// Has reports whether the point is one of the node's.
func (p *Registry) Has(node string, point casper.TLSPoint) bool {
	return slices.ContainsFunc(p.nodes[node], func(r Registration) bool { return r.Point == point })
}

// Clone returns a copy.
func (p *Registry) Clone() Registry {
	c := Registry{nodes: maps.Clone(p.nodes)}
	for node, has := range c.nodes {
		c.nodes[node] = slices.Clone(has)
	}
	return c
}

// All yields every registration, by node name and then by age, oldest first.
func (p *Registry) All() iter.Seq2[string, Registration] {
	return func(yield func(string, Registration) bool) {
		for _, node := range slices.Sorted(maps.Keys(p.nodes)) {
			for _, r := range p.nodes[node] {
				if !yield(node, r) {
					return
				}
			}
		}
	}
}
