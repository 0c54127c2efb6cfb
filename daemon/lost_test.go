package daemon

import (
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/statedir"
)

// TestLostBeforeTheLogIsOpen: what an earlier process found counts from the first connection on,
// before there is anybody to hear witnesses. Until then nobody takes part in the log.
func TestLostBeforeTheLogIsOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := statedir.Init(path, statedir.Identity{Cluster: statedir.NewID(), Name: "c1"}); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []bool{false, true} {
		dir, err := statedir.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := openPresences(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if why := p.lost(); why == nil || strings.Contains(why.Error(), "entry 5") != lost {
			t.Errorf("lost %v: told %v", lost, why)
		}
		if err := dir.MarkLost("it ended at entry 5"); err != nil {
			t.Fatal(err)
		}
		if err := dir.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
