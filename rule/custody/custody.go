// Package custody is the rule by which cosigners give a stock node the validator's key itself, so
// that it lies in no file of the node's.
//
// A casper-node that starts wants the key once. Its gate draws a key pair for this one start, and
// the node's agent signs a [Start] with the public half. The log makes of it the node's [Lease],
// one a start, numbered without a gap. Each cosigner then judges by itself whether it gives its
// share of the key for that lease, and gives it once, sealed to what the start names.
//
// It promises that a share of the key is given only
//
//   - for a node which the cosigner's own cluster file marks, whatever anybody else says;
//   - to the recipient that this node's agent signed, for the newest lease of the node by the
//     cosigner's own log, as long as that is fresh;
//   - once a lease, and never for an older one;
//   - by a cosigner whose memory is whole and which is not sealed: others may have replaced it.
//
// So a leader that writes a lease for somebody else is given nothing, nor is one that asks again.
// Whoever has the node's host, or its agent's key and reaches t cosigners, has the key: that is
// what such a node is.
//
// It leaves to others that a lease is committed and applied before it is judged, that a Record is
// durable before the share leaves (custodian), what a share of the key is, and how it is sealed
// (keygen/seed).
package custody

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"

	"casper-cosigner/rule/casper"
)

// Fresh is how many entries the log may go on after a lease before that is over. A start takes
// seconds; a pair of nodes makes less than an entry a second.
const Fresh = 1024

// tag begins what is signed, so that no start can pass for anything else that the same key signs.
const tag = "casper-cosigner start 1\x00"

// Start is a node's wish for the key, for one start of its casper-node.
type Start struct {
	Node      string
	Number    uint64   // one above that of the node's last lease; the first is 1
	Recipient [32]byte // X25519 public key, drawn for this start alone, that shares are sealed to
}

// Signed is a start with the signature of the node's agent.
type Signed struct {
	Start
	Signature [64]byte
}

// Node is a node of the cluster file.
type Node struct {
	Key     ed25519.PublicKey // of its agent
	Custody bool              // it is stock, and the cosigners keep its key
}

// Cluster is what a cosigner's own cluster file says. The zero Cluster gives nobody anything.
type Cluster struct {
	ID        [16]byte
	Validator casper.PublicKey
	Nodes     map[string]Node // by name
}

// Keeps returns the nodes whose key the cosigners keep, sorted.
func (c Cluster) Keeps() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Nodes)) {
		if c.Nodes[name].Custody {
			names = append(names, name)
		}
	}
	return names
}

// text is the tag, the cluster's id, the validator's key, the node's name after its length, the
// number and the recipient; numbers are big-endian.
func (c Cluster) text(s Start) []byte {
	b := append(make([]byte, 0, 160), tag...)
	b = append(append(b, c.ID[:]...), c.Validator[:]...)
	b = append(append(b, byte(len(s.Node))), s.Node...)
	b = binary.BigEndian.AppendUint64(b, s.Number)
	return append(b, s.Recipient[:]...)
}

// Sign signs a start with the key of the node's agent.
func (c Cluster) Sign(key ed25519.PrivateKey, s Start) Signed {
	return Signed{Start: s, Signature: [64]byte(ed25519.Sign(key, c.text(s)))}
}

// Context is what a share of the key is sealed as, so that it is of use for this start alone, and
// as the share of the cosigner that gave it.
func (c Cluster) Context(s Start, cosigner string) []byte {
	return append(append(c.text(s), byte(len(cosigner))), cosigner...)
}

// signed reports whether the agent of the node that it names signed the start, for this cluster.
func (c Cluster) signed(s Signed) bool {
	key := c.Nodes[s.Node].Key
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, c.text(s.Start), s.Signature[:])
}

// Against returns what stands against a lease for this start by the cluster file alone; None if
// nothing does. A leader asks before it writes one, and each cosigner again before it gives.
func (c Cluster) Against(s Signed) Refusal {
	switch {
	case !c.Nodes[s.Node].Custody:
		return NotMarked
	case !c.signed(s):
		return NotSigned
	}
	return None
}

// Lease is a start that the log holds.
type Lease struct {
	Signed
	Granted uint64 // index of its entry
}

// Leases is the newest lease of each node, as a log holds them. The zero value is of an empty log.
// It does not verify who signed: the log is the same whatever a cluster file says. Cosigners do.
type Leases struct{ newest map[string]Lease }

// What a log keeps of names: more than a cluster file can have, and no more than a leader may make
// every cosigner remember. Of more, that with the oldest lease is dropped.
const (
	maxNodes = 64
	maxName  = 32
)

// Last returns the number that the node's next start must follow. A full log may have dropped what
// it knew of the node, so a name that is new to it goes on above all numbers that the log has: the
// newest lease there is above all that were ever dropped.
func (l *Leases) Last(node string) uint64 {
	if last, known := l.newest[node]; known || len(l.newest) < maxNodes {
		return last.Number
	}
	highest := uint64(0)
	for _, one := range l.newest {
		highest = max(highest, one.Number)
	}
	return highest
}

// Next reports whether the start's number is the node's next one, so that Grant would grant it.
func (l *Leases) Next(s Start) bool {
	return s.Number != 0 && s.Number == l.Last(s.Node)+1 && len(s.Node) <= maxName
}

// Grant makes the start at that entry of the log the node's newest lease, if its number is the next
// one. It returns the newest lease then, which is another one if the number is not: one that was
// asked for twice is granted once, and of two that ask for one number the first has it.
func (l *Leases) Grant(at uint64, s Signed) Lease {
	if !l.Next(s.Start) {
		return l.newest[s.Node]
	}
	if l.newest == nil {
		l.newest = map[string]Lease{}
	}
	if _, known := l.newest[s.Node]; !known && len(l.newest) >= maxNodes {
		delete(l.newest, l.oldest())
	}
	l.newest[s.Node] = Lease{Signed: s, Granted: at}
	return l.newest[s.Node]
}

// oldest returns the node that had no lease for longest: names that a leader made up make room for
// the nodes that start.
func (l *Leases) oldest() (node string) {
	lowest := ^uint64(0)
	for one := range l.All() {
		if node == "" || one.Granted < lowest {
			node, lowest = one.Node, one.Granted
		}
	}
	return node
}

// Newest returns the node's newest lease, the zero one if it has none.
func (l *Leases) Newest(node string) Lease { return l.newest[node] }

// All yields the newest leases, sorted by node.
func (l *Leases) All() iter.Seq[Lease] {
	return func(yield func(Lease) bool) {
		for _, node := range slices.Sorted(maps.Keys(l.newest)) {
			if !yield(l.newest[node]) {
				return
			}
		}
	}
}

// Restore makes a lease the node's newest, as a snapshot of the log has it; false if no log can.
func (l *Leases) Restore(one Lease) bool {
	_, known := l.newest[one.Node]
	if one.Number == 0 || len(one.Node) > maxName || !known && len(l.newest) >= maxNodes {
		return false
	}
	if l.newest == nil {
		l.newest = map[string]Lease{}
	}
	l.newest[one.Node] = one
	return true
}

// Clone returns a copy.
func (l *Leases) Clone() Leases {
	return Leases{newest: maps.Clone(l.newest)}
}

// View is what a cosigner knows by itself when it is asked for its share of the key.
type View struct {
	Cluster   Cluster // by its own cluster file
	Newest    Lease   // of the node, by its own log as far as that is applied; zero if there is none
	Applied   uint64  // index of the last entry applied
	Suspended bool    // the node, by the same log
	Whole     bool    // its memory holds all that was proven to it, and its ledger is not sealed
	Given     uint64  // number of the newest lease of the node for which it recorded that it gives
}

// Refusal is why a cosigner gives no share of the key.
type Refusal uint8

// The refusals. None gives.
const (
	None Refusal = iota
	NotMarked
	NotWhole
	NotSigned
	Suspended
	NotGranted
	Over
	GivenBefore
)

// String says what happened and what to do.
func (r Refusal) String() string {
	switch r {
	case None:
		return "given"
	case NotMarked:
		return "this cosigner's cluster file does not say that the cosigners keep the key of this node"
	case NotWhole:
		return "this cosigner may have been replaced, or does not know what it gave: it gives nothing of the key"
	case NotSigned:
		return "the start is not signed by the agent of the node that it names"
	case Suspended:
		return "an operator suspended this node"
	case NotGranted:
		return "it is not the newest lease of this node by this cosigner's log; ask for the next one"
	case Over:
		return "the log has gone on too far since the lease; ask for the next one"
	case GivenBefore:
		return "this cosigner gave its share for this lease, or for a later one, and gives none twice; ask for the next one"
	}
	return "unknown refusal"
}

// Judge returns what stands against giving this cosigner's share of the key for a start; None if
// nothing does. Then the Record must be durable before the share leaves.
func (v View) Judge(s Signed) Refusal {
	switch {
	case !v.Cluster.Nodes[s.Node].Custody:
		return NotMarked
	case !v.Whole:
		return NotWhole
	case !v.Cluster.signed(s):
		return NotSigned
	case v.Suspended:
		return Suspended
	case v.Newest.Start != s.Start:
		return NotGranted
	case v.Applied < v.Newest.Granted || v.Applied-v.Newest.Granted > Fresh:
		return Over
	case s.Number <= v.Given:
		return GivenBefore
	}
	return None
}

// Record is what a cosigner keeps, and tells, of a share that it gives.
type Record struct {
	Start
	Granted uint64 // index of the lease's entry
}

// Record returns what is to be durable, and told, before the share for the newest lease leaves.
func (v View) Record() Record { return Record{Start: v.Newest.Start, Granted: v.Newest.Granted} }

// String is the line that must be in the log of whoever gives a share of the key.
func (r Record) String() string {
	return fmt.Sprintf("gave this cosigner's share of the validator's key to node %q, for its start %d, granted by "+
		"entry %d, sealed to %x", r.Node, r.Number, r.Granted, r.Recipient[:8])
}
