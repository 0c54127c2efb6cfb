// Package presence is what a cosigner shows of the state that it runs on with each call to another
// one, and whether that may be the state that was seen of it before.
//
// A cosigner whose disk was emptied, or put back from a copy, does not know what it signed. So each
// remembers a [Sighting] of every other one: [Seen.Meet] judges a process that is new to it,
// [Sighting.Continue] one that goes on, and [Presence.Against] compares either with what its
// cosigner itself signed of its memory. It promises that a state which was refused because it went
// back stays so, whatever it shows later.
//
// It leaves to others: how a presence travels, that its sender is who it says, and that what was
// seen is on disk before it counts.
package presence

import (
	"encoding/hex"
	"fmt"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// ID is a random 16-byte name of a cluster, a state directory or a process.
type ID [16]byte

// ParseID reads 16 raw bytes.
func ParseID(b []byte) (ID, error) {
	var id ID
	if len(b) != len(id) {
		return ID{}, fmt.Errorf("parsing id: %d bytes, want %d", len(b), len(id))
	}
	copy(id[:], b)
	return id, nil
}

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns what String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText accepts what String returns; on error id is unchanged.
func (id *ID) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil {
		return fmt.Errorf("parsing id: %w", err)
	}
	parsed, err := ParseID(b)
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// Presence is what a cosigner shows of the state that it runs on.
type Presence struct {
	Cluster      ID             `json:"cluster"`
	Directory    ID             `json:"directory"`
	Session      ID             `json:"session"`       // of the process
	Boot         uint64         `json:"boot"`          // starts on the directory, this one included
	LastIndex    uint64         `json:"last_index"`    // last entry in the Raft log
	AppliedIndex uint64         `json:"applied_index"` // last applied entry
	First        watermark.Mark `json:"first"`         // first era and height that it may sign
	Pinned       uint32         `json:"pinned"`        // peers that it has durably pinned to their directories
	// Version is the highest version of the state machine that it can read, 0 if it shows none. It is
	// not kept: the next presence tells it anew, what was written in it stands in the log, and an
	// earlier release, to which an operator may go back until then, would not read a file that has it.
	Version   uint32 `json:"-"`
	Written   uint64 `json:"written"` // records that its ledger was ever given, 0 if it does not show that
	Condition `json:"-"`
}

// Condition is how the process is. It is of the moment, and not kept.
type Condition struct {
	Jumped bool // its wall clock jumped, so it is to be started again: see rule/clock
	Ready  bool // it gives shares
}

// Parse reads p strictly: every id has 16 bytes and is not zero, and
// the boot count is not zero.
func Parse(p *cosignerv1.Presence) (Presence, error) {
	out := Presence{
		Boot: p.GetBootCount(), LastIndex: p.GetLastIndex(), AppliedIndex: p.GetAppliedIndex(),
		First:     watermark.Mark{Era: p.GetFirstEra(), Height: p.GetFirstHeight()},
		Pinned:    p.GetPinned(),
		Version:   p.GetVersion(),
		Written:   p.GetLedgerWritten(),
		Condition: Condition{Jumped: p.GetJumped(), Ready: p.GetReady()},
	}
	for _, f := range []struct {
		name string
		from []byte
		to   *ID
	}{
		{"cluster_id", p.GetClusterId(), &out.Cluster},
		{"directory_id", p.GetDirectoryId(), &out.Directory},
		{"session_id", p.GetSessionId(), &out.Session},
	} {
		id, err := ParseID(f.from)
		if err != nil {
			return Presence{}, fmt.Errorf("parsing presence: %s: %w", f.name, err)
		}
		if id == (ID{}) {
			return Presence{}, fmt.Errorf("parsing presence: %s is zero", f.name)
		}
		*f.to = id
	}
	if out.Boot == 0 {
		return Presence{}, fmt.Errorf("parsing presence: boot_count is zero")
	}
	return out, nil
}

// Proto returns p as it travels; Parse is the inverse.
func (p Presence) Proto() *cosignerv1.Presence {
	return &cosignerv1.Presence{
		ClusterId: p.Cluster[:], DirectoryId: p.Directory[:], SessionId: p.Session[:],
		BootCount: p.Boot, LastIndex: p.LastIndex, AppliedIndex: p.AppliedIndex,
		FirstEra: p.First.Era, FirstHeight: p.First.Height, Pinned: p.Pinned, Version: p.Version,
		LedgerWritten: p.Written,
		Jumped:        p.Jumped, Ready: p.Ready,
	}
}

// sameProcess reports whether p and q were shown by one process.
func (p Presence) sameProcess(q Presence) bool {
	return p.Cluster == q.Cluster && p.Directory == q.Directory && p.Boot == q.Boot && p.Session == q.Session
}
