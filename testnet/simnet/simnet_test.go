package simnet

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
)

// TestJournalSince: what a node asked for before is left out.
func TestJournalSince(t *testing.T) {
	dir := t.TempDir()
	text := "{\"at\":10,\"kind\":\"vote\"}\n{\"at\":20,\"kind\":\"echo\"}\n"
	if err := os.WriteFile(filepath.Join(dir, node.JournalFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Node{dir: dir}
	if all, err := c.Journal(time.UnixMilli(11)); err != nil || len(all) != 1 || all[0].Kind != "echo" {
		t.Errorf("got %+v, %v", all, err)
	}
	if err := c.Forget(); err == nil {
		t.Error("there was no log to forget")
	}
}

// TestLosses: what is lost, and what is too old or too new to say.
func TestLosses(t *testing.T) {
	const block = time.Second
	r := hub.Report{Now: 20_000, Rounds: []hub.Round{
		{Ended: 4_999},
		{Ended: 5_000},
		{Ended: 6_000, Vote: 6_100},
		{Ended: 7_000, Ours: true, Skipped: true},
		{Began: 4_000, Ended: 8_000, Ours: true, Skipped: true},
		{Began: 6_000, Ended: 8_000, Skipped: true},
		{Ended: 19_001},
	}, Blocks: []hub.Block{{Height: 1, Added: 4_999}, {Height: 2, Added: 5_000},
		{Height: 3, Added: 6_000, Finality: 6_100}, {Height: 4, Added: 19_001}}}
	l := LossesOf(r, block, time.UnixMilli(5_000))
	if l.Of != 5 || l.Led() != 2 || !slices.Equal(l.Rounds, []hub.Round{r.Rounds[1], r.Rounds[3]}) ||
		!slices.Equal(l.Died, r.Rounds[4:5]) ||
		len(l.Finality) != 1 || l.Finality[0].Height != 2 {
		t.Errorf("got %+v", l)
	}
	if all := l.Unexcused(); len(all.Rounds) != 3 || len(all.Died) != 0 || all.Led() != 2 || len(l.Died) != 1 {
		t.Errorf("with nothing struck %+v", all)
	}
}
