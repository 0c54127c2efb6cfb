package raftstore

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/statedir"
)

// TestNoteStart: where the log ended is noted at each start, before any other member can send it an
// entry; a store that cannot note it is not opened.
func TestNoteStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, stopped := errors.New("no space left"), false
		tr := &trio{t: t, wire: newWire(), cluster: statedir.NewID(), members: map[string]*member{}}
		tr.adjust = func(name string, c *Config) {
			if !stopped || name != "c" {
				return
			}
			c.NoteStart = func(opened uint64) error {
				time.Sleep(5 * time.Second) // in which the others would have reached it
				seen, _ := tr.members["a"].dir.Seen("c")
				if now := tr.members["c"].dir.Presence(0, 0); opened < seen.Highest || seen.Boot != now.Boot-1 {
					t.Errorf("noted that the log ended at %d, start %d: %+v was seen", opened, now.Boot, seen)
				}
				return full
			}
		}
		tr.startAll()
		defer tr.stopAll()
		tr.apply(1, 1)
		tr.catchUp(tr.members["c"])
		tr.stop("c")
		stopped = true
		if _, err := tr.open("c"); !errors.Is(err, full) {
			t.Errorf("opened without a note: %v", err)
		}
	})
}
