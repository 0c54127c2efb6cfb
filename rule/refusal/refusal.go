// Package refusal names why something that was asked of the cosigners is not done.
//
// It promises one name for each cause, from the rule that finds it to the wire, and one table of
// the words in which people are told, with what they can do about it. Some reasons are a definite
// no: the message that was refused gets no signature. The others only say that the answer is not
// known now, and asking again finds out. Who refuses, and when, is decided elsewhere.
package refusal

// Reason is why something is not done.
type Reason uint8

// None is the reason of what is not refused.
const None Reason = 0

// The reasons that are a definite no to a node.
const (
	NotActive      Reason = iota + 1 // fenced mode, and another node is active
	BelowFloor                       // era or height are below the floor
	TooFarAhead                      // era or height are further than the chain can be
	Malformed                        // the request cannot be read
	RoundTooHigh                     // see watermark.MaxRounds; in version 2 of the log only
	NoSlot                           // what was claimed fills no slot
	OtherChain                       // the message is of another chain
	Suspended                        // an operator suspended the node
	NotPreferred                     // it is not the node's turn: another is preferred, or the chain cannot be that far
	OtherInstance                    // the node speaks for another instance or index in this era
	BadSignature                     // the request is not signed by the node that it names
	PointUnknown                     // the TLS point at our end is not registered for the node
	PointTaken                       // the TLS point is another node's
	PointsTooOften                   // the node changed its TLS points too often within a minute
	TooMany                          // the node has too many requests in hand
	Stale                            // the request does not say when it was made, or was made too long ago
	HasKey                           // the node is stock, and wants a signature
	HasNoKey                         // the node is not stock, and wants to sign itself
	NotAttested                      // a stock node claims what fills no slot of a round
	Passive                          // another node votes in this era, and this one casts no vote beside it

	lastDefinite = Passive
)

// The reasons why nothing is known now.
const (
	NotStarted Reason = iota + lastDefinite + 1 // anything before Genesis
	NotLeading                                  // this cosigner does not lead
	NoLeader                                    // this cosigner knows of none
	Paused                                      // this process stood still, so whoever asked may have given up
	NoQuorum                                    // commitments of enough cosigners are not in hand
	AskerGone                                   // whoever asked gave up

	lastUnknown = AskerGone
)

// The reasons why the log did not carry out what was no node's request.
const (
	EpochMoved     Reason = iota + lastUnknown + 1 // another change of roles came first
	BelowPruned                                    // the floor was to go below what is pruned
	AlreadyStarted                                 // a second Genesis
	UnknownCommand                                 // a command that the state machine has no rule for
	OldVersion                                     // an entry of a later version came first
	EraUnknown                                     // an era that is to run again is far above the newest
	TooManyReruns                                  // an era was said to run again as often as may be
	NothingAbove                                   // heights are to be reset, and none so high was claimed
	ResetMoved                                     // another reset of the heights came first
	PrunedSince                                    // heights to be reset were forgotten since the operator looked
	FloorAbove                                     // heights are to be reset, and a mark covers more than these
	SameNetwork                                    // heights were reset for that restart of the network, or a later one
	BelowFounded                                   // heights are to be reset below where the cluster began
	RestartSpent                                   // a node is to be restarted, and was as often as may be in that era
	StartMoved                                     // a node wants its key for a start that is not its next one
)

// row is what is told of a reason.
type row struct {
	label string // for metrics and, in capitals, the wire and the CLI; only of a definite no
	words string // for people: what happened, and what to do
}

// row looks up the one table.
func (r Reason) row() row {
	table := [...]row{
		None: {"", "no reason"},
		NotActive: {"not_active",
			"fenced mode, and another node is active; `failover promote` makes this one active"},
		BelowFloor: {"below_floor",
			"the era or height is below the floor, so it may have been signed already; nothing to do"},
		TooFarAhead: {"too_far_ahead",
			"the chain cannot be there yet (min_era_time, min_block_time in the cluster file)"},
		Malformed: {"malformed", "the request cannot be read"},
		RoundTooHigh: {"unsupported",
			"an era has at most 7200 rounds until all cosigners run this release"},
		NoSlot:     {"unsupported", "the message fills no slot, so there is nothing to claim"},
		OtherChain: {"unsupported", "the block is of another chain"},
		Suspended: {"suspended",
			"an operator suspended this node; `failover suspend --end` gives its rights back"},
		NotPreferred: {"not_preferred", "it is not this node's turn; ask again"},
		OtherInstance: {"other_instance",
			"this node asked under another instance or validator index in this era; if the network was restarted under " +
				"another chainspec, see `watermark instance`; else is its chain data sound?"},
		BadSignature: {"bad_request_signature",
			"the request is not signed with the failover key of the node that it names"},
		PointUnknown: {"tls_point",
			"our_tls_point is not registered for this node; its agent registers it when casper-node starts"},
		PointTaken: {"tls_point", "another node has this TLS key"},
		PointsTooOften: {"too_many",
			"this node has registered other TLS keys within the last minute, too many; wait and try again"},
		TooMany: {"too_many", "this node has too many requests waiting; ask again"},
		Stale: {"stale", "the request does not say when it was made, or the log has gone on too far since; " +
			"ask again, with an agent of this release"},
		HasKey: {"unsupported", "the cluster file says that this node is stock: it signs itself, and is given no " +
			"signature; its gate asks for claims. If it is to hold no key, take `stock` off it on all hosts"},
		HasNoKey: {"unsupported", "the cluster file does not say that this node is stock, so it may not sign itself: " +
			"write `stock = true` at it, the same on all hosts"},
		NotAttested: {"unsupported", "a stock node claims echoes and votes only: a height can be reset, and a " +
			"handshake fills no slot"},
		Passive: {"not_active", "another node votes in this era, and this stock node is passive (standby in the cluster " +
			"file); it signs blocks, and votes once it is active"},

		NotStarted: {"", "the cluster has not started: all cosigners must meet once"},
		NotLeading: {"", "this cosigner does not lead"},
		NoLeader:   {"", "this cosigner knows of no leader"},
		Paused:     {"", "this cosigner was paused, its askers may have given up"},
		NoQuorum:   {"", "no quorum to sign with"},
		AskerGone:  {"", "the asker gave up"},

		EpochMoved:     {"", "another change came first; look at `status` and ask again"},
		BelowPruned:    {"", "the floor cannot go below what is pruned; `status` shows it"},
		BelowFounded:   {"", "heights below those that this cluster was founded for are not its own to free"},
		AlreadyStarted: {"", "the cluster has started already, which it does once"},
		UnknownCommand: {"", "this program has no rule for such a command"},
		OldVersion:     {"", "the log has an entry of a later version by now; ask again"},
		EraUnknown:     {"", "the era is more than 2 above the newest that was signed; `watermark show` shows that"},
		TooManyReruns:  {"", "the era was said to run again 3 times already, which is the most; it is silent until it ends"},
		NothingAbove:   {"", "no height so high was signed, so there is nothing to reset; `watermark floor` moves the floor"},
		ResetMoved: {"", "another reset came first, so this one cannot be made any more; `watermark show` tells which. " +
			"Let the chain pass these heights"},
		PrunedSince: {"", "heights were pruned since they were shown, so what was signed there is not known, and this " +
			"reset cannot be made any more. Let the chain pass these heights"},
		FloorAbove: {"", "the floor, or what is pruned, is above the last height of the old chain, and with it would fall " +
			"what was refused beyond that; `watermark show` tells both. `watermark floor` lowers a floor that you set, to the " +
			"height after the last one; what is pruned stays, and no block is signed below it: wait until the chain is there"},
		SameNetwork: {"", "the heights were reset for this protocol version of the network, or for a later one, and once " +
			"is enough: what was signed since is the new chain's. After another hard reset the network has a new version"},
		RestartSpent: {"", "the node was restarted twice in that era, which is the most, or in a later one"},
		StartMoved:   {"", "it is not the node's next start: another one has that number"},
	}
	if int(r) < len(table) {
		return table[r]
	}
	return row{words: "unknown reason"}
}

// Label returns the reason as metrics have it, "below_floor" say; empty unless it is a definite no.
// Reasons after which a node does the same share one.
func (r Reason) Label() string { return r.row().label }

// Definite reports whether the reason is a definite no to a node.
func (r Reason) Definite() bool { return r.Label() != "" }

// String returns the reason in words for people.
func (r Reason) String() string { return r.row().words }
