package hostile

import (
	"os"
	"path/filepath"
	"testing"

	"casper-cosigner/testnet"
)

// TestLedgerRestored: the disk of c2 is copied while it runs, and it is put back, with a log that
// holds all that it stated to have applied: as after a copy that was made while the log ended in
// entries that nobody committed. What it gave shares for since shows in its ledger alone.
func TestLedgerRestored(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	r.stop("c3") // so that c2 is needed
	r.signSome(1)
	files := []string{"ledger", "boot.json", "starts.json", "peers.json", "identity.json"}
	old := map[string][]byte{}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(r.StateDir("c2"), name))
		if err != nil {
			t.Fatal(err)
		}
		old[name] = text
	}
	signed := r.signSome(2)
	r.remembered(testnet.Main, "c2")
	r.stop("c2")
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(r.StateDir("c2"), name), old[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start("c2", "c3")
	r.heldBack("c2", "a statement signed by c2", "records in its ledger", "the ledger was restored")
	r.nothingTwice(signed, 0)
	r.signSome(2)
	r.sound("c1", "c3")
}
