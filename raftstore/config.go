// Package raftstore replicates the log that drives the state machine: hashicorp/raft over a bbolt
// file, with a transport that lets a cosigner in only on the state that it was last seen with.
//
// It promises:
//   - an Apply that returns no error was committed by a majority and applied here; ErrNotLeader means that nothing was
//     proposed; anything that may or may not be in the log is ErrUnknown, never a success;
//   - a directory that has run before and has lost its log, a part of it, its term or its vote is refused, never started
//     anew; so is one with a damaged entry, or with the files of another;
//   - nothing is claimed before every voter has met every other, and durably knows its directory;
//   - neither a vote nor an append is exchanged with a peer that shows less state than it once had, nor with anybody once
//     this member's own memory is lost;
//   - a message is taken only from whom it says that it is of, and a call to stand for election only from who leads;
//   - what is applied is never taken back, by an entry or a snapshot, and nothing is stored that no honest leader sends;
//   - whatever leaves it unsure what its log holds (an entry that cannot be decoded, a failed write) is given to
//     Config.Fatal, and nothing is applied or reported as done afterwards.
//
// It leaves to others: what a command means (rule/machine), whether it should be proposed
// (signer), proving who a peer is (TLS, in Network), remembering what a peer has shown (statedir),
// and ending the process.
package raftstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/raft"
	"github.com/rs/zerolog"

	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// Network is how a store reaches the others.
type Network struct {
	// Listener accepts the others' connections; the store closes it. Connections may be *tls.Conn
	// whose handshake has not run yet.
	Listener net.Listener
	// Dial connects to a member's address. It must give up when ctx ends.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// PeerName returns who is at the other end, as its TLS key proves.
	PeerName func(net.Conn) (string, error)
	// Presences shows our state and judges the peers'.
	Presences Presences
}

// Presences is what a *statedir.Dir does.
type Presences interface {
	// Presence must be what this process shows, given its last and its last applied entry.
	Presence(last, applied uint64) statedir.Presence
	// Admit must return nil only once what it accepted is durable. asked is what was seen of the peer
	// before it was asked to show p, and zero if it was not asked.
	Admit(peer string, p statedir.Presence, asked statedir.Sighting) error
	// Seen must return what was seen of the peer, by that.
	Seen(peer string) (statedir.Sighting, bool)
}

// Config is what a store needs. All exported fields are required, but for MayFound, MayFollow,
// NoteStart, VerifyReset and Lost.
type Config struct {
	Name   string // this voter
	Voters Voters // exactly the share holders
	Path   string // the store's own directory, within the state directory

	// FirstRun says that the state directory has never run. Only then is the log started; EndFirstRun,
	// which must be durable, is called once it is.
	FirstRun    bool
	EndFirstRun func() error

	// NoteStart, if it is not nil, is called once with the last entry that the log has, before
	// anything is stored to it. If it fails the store is not opened.
	NoteStart func(opened uint64) error

	// Active is the node that is active first. The leader writes it into Genesis, the log's first
	// command, once all voters have met.
	Active string

	// MayFound must return nil only if nothing is known that stands against writing Genesis, and else
	// what does. Nil: nothing ever does.
	MayFound func() error

	// MayFollow must return nil unless something is known that stands against a Genesis which another
	// member writes. It is called by the library's main loop, and must not wait for that. Nil: nothing
	// ever does.
	MayFollow func() error

	// VerifyReset must fail unless an operator signed the reset of the heights. Only by one that
	// passes may a snapshot lack heights. Nil: all pass.
	VerifyReset func(watermark.Reset) error

	// Lost must return why this member's memory was found to be lost, or is not known yet not to be,
	// nil if it may take part. Until then no vote and no append is exchanged with anybody: see
	// takePart. Nil: it never is.
	Lost func() error

	// Fatal is called once, when it is unknown what the log holds. It must end the process or see to
	// it, and need not return; if a write failed, the library panics at its next one.
	Fatal func(error)

	Network  Network
	Timing   Timing            // at first; see Store.Retime
	Watchdog statedir.Watchdog // guards every write and sync
	Log      zerolog.Logger
	Now      func() time.Time

	compaction   compaction                          // zero: as shipped
	pipelineFrom time.Duration                       // zero: as shipped; negative: whatever the distance
	openDB       func(path string) (database, error) // nil: bbolt
}

// Timing is how long members wait for each other. Members may differ in it for a while.
type Timing struct {
	Heartbeat time.Duration // a follower that hears nothing for one to two of these stands for election
	Election  time.Duration // an election that is not won in one to two of these is held again
	Lease     time.Duration // a leader that reaches no majority for this long steps down
	Commit    time.Duration // followers learn of a commit in one to two of these, if nothing else is sent
	Network   time.Duration // for one exchange with a peer
}

// Measured is the profile whose timers follow what is measured, by Retime. It begins with those
// that suit sites 80 ms apart, which are not much slower than the shortest: a leader may die soon
// after a follower was started.
const Measured = "measured"

// Profile returns the timing of that name. "lan" is for one site: the next signature comes in well
// under a second after a leader died. "region" is for sites up to 100 ms apart, "wan" for sites up
// to 200 ms apart.
//
// A leader hears of a follower once in a round trip and a fifth of Heartbeat, so the lease is
// longer than that everywhere, with room for a stall. It cannot be changed while a store runs.
func Profile(name string) (Timing, error) {
	switch name {
	case "lan":
		return Timing{
			Heartbeat: 300 * time.Millisecond, Election: 300 * time.Millisecond, Lease: 200 * time.Millisecond,
			Commit: 100 * time.Millisecond, Network: time.Second,
		}, nil
	case Measured:
		return Timing{
			Heartbeat: 350 * time.Millisecond, Election: 350 * time.Millisecond, Lease: 300 * time.Millisecond,
			Commit: 100 * time.Millisecond, Network: 2 * time.Second,
		}, nil
	case "region":
		return Timing{
			Heartbeat: 600 * time.Millisecond, Election: 600 * time.Millisecond, Lease: 300 * time.Millisecond,
			Commit: 100 * time.Millisecond, Network: 2 * time.Second,
		}, nil
	case "wan":
		return Timing{
			Heartbeat: 1500 * time.Millisecond, Election: 1500 * time.Millisecond, Lease: time.Second,
			Commit: 50 * time.Millisecond, Network: 5 * time.Second,
		}, nil
	}
	return Timing{}, fmt.Errorf("timing %q is unknown: choose \"measured\", \"lan\", \"region\" or \"wan\"", name)
}

// compaction bounds the log. A snapshot is taken once threshold entries came since the last;
// trailing entries are kept, more than threshold, so that the older of the two snapshots kept can
// be completed from the log.
type compaction struct {
	threshold, trailing uint64
	interval            time.Duration
}

func defaultCompaction() compaction {
	return compaction{threshold: 2048, trailing: 4096, interval: 2 * time.Second}
}

func (c Config) validate() error {
	var faults []error
	if err := c.Voters.validate(c.Name); err != nil {
		faults = append(faults, err)
	}
	if c.Path == "" {
		faults = append(faults, errors.New("no path"))
	}
	if c.EndFirstRun == nil || c.Fatal == nil || c.Now == nil {
		faults = append(faults, errors.New("a function is missing"))
	}
	n := c.Network
	if n.Listener == nil || n.Dial == nil || n.PeerName == nil || n.Presences == nil {
		faults = append(faults, errors.New("the network is incomplete"))
	}
	return errors.Join(faults...)
}

// directory returns the id of the state directory.
func (c Config) directory() statedir.ID { return c.Network.Presences.Presence(0, 0).Directory }

// first returns the first era and height that an operator let this member sign.
func (c Config) first() watermark.Mark { return c.Network.Presences.Presence(0, 0).First }

func (c Config) raft(l *hcLogger) *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = raft.ServerID(c.Name)
	r.HeartbeatTimeout, r.ElectionTimeout = c.Timing.Heartbeat, c.Timing.Election
	r.LeaderLeaseTimeout, r.CommitTimeout = c.Timing.Lease, c.Timing.Commit
	r.MaxAppendEntries, r.BatchApplyCh = 256, true
	r.SnapshotThreshold, r.TrailingLogs = c.compaction.threshold, c.compaction.trailing
	r.SnapshotInterval = c.compaction.interval
	r.ShutdownOnRemove = true
	r.NoLegacyTelemetry = true
	r.Logger = l
	return r
}
