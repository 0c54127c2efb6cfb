// Package peer is the terms on which cosigners call each other, and what they tell each other
// to stay in step.
//
// [Admission] stands in front of every call from one cosigner to another, on both sides: who calls
// (its TLS key), on which state (presence), and how much it may send. [Server] answers PeerService:
// barriers of the log, finished signatures, what the agents told, and what cosigners stated.
// [Spread], [Barriers] and [Telling] are the asking side of it. [Admission.Distance] is how far
// away each of them is, by the answers.
//
// It promises: no handler runs for a cosigner before the state that it shows was compared with
// what was seen of it, and no answer is used before the state of who answered was; a method that
// is not in the table of calls is refused, on both sides; and nobody else sets or checks a
// presence on a call. The one exception is what cosigners stated: that is told to whom it is about,
// and taken from anybody, above all when that one's state is refused for it.
//
// It leaves to others: TLS and which role may call what (cluster), what was seen of a peer
// (statedir), what a call does (cosigner, signer, monitor), and Raft's own connections, which
// exchange presences when they begin (raftstore).
package peer

import (
	"context"

	"casper-cosigner/statedir"
)

// header is where a presence travels, with a request as with an answer: marshalled, in the metadata
// of the call. It is not a field of each message, since it speaks for the process and not for what
// is said: so a message cannot lack it, and who adds one need not know of it. gRPC carries bytes
// under names that end in -bin.
const header = "casper-presence-bin"

// State is the state that this cosigner runs on, and what it has seen of the others'.
type State interface {
	// Presence must return what this process shows of its state now.
	Presence() statedir.Presence
	// Seen must return what was seen of the cosigner so far.
	Seen(peer string) (statedir.Sighting, bool)
	// Admit must return nil only if the cosigner may show p after what was seen of it, and only
	// once that is durable. A *statedir.PeerError refuses it; any other error says that this
	// could not be judged. asked is what was seen of it before it was asked for the answer that
	// p came with, and zero if p came with a request.
	Admit(peer string, p statedir.Presence, asked statedir.Sighting) error
}

type callerKey struct{}

// Caller returns the cosigner whose call is being served, once its state was compared, where that
// is to be. It is false for anybody else, for a node's request that is passed on, and for a call
// that did not come through an Admission: so a handler that wants a name cannot be reached without
// one.
func Caller(ctx context.Context) (name string, ok bool) {
	name, ok = ctx.Value(callerKey{}).(string)
	return name, ok
}
