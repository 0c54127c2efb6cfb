package daemon

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/cluster/clustertest"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/presence"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
	"casper-cosigner/testimony"
)

// TestRefusedByItsOwnWord: what an agent shows of another cosigner has that one's earlier state
// refused, and not taken for the one that it is on now: then the newer one would be refused.
func TestRefusedByItsOwnWord(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	path := filepath.Join(t.TempDir(), "state")
	id := statedir.ID(c.File.ID)
	if err := statedir.Init(path, statedir.Identity{Cluster: id, Name: "cosigner-1"}); err != nil {
		t.Fatal(err)
	}
	dir, err := statedir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	p, err := openPresences(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	stand, err := testimony.OpenStand(testimony.StandConfig{Name: "cosigner-1", Members: members(c.File),
		Held:      func() testimony.Held { return testimony.Held{} },
		Words:     func() (statedir.Words, error) { return statedir.Words{}, nil },
		Directory: dir, Now: time.Now, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	p.stand.Store(stand)
	at := func(boot uint64) statedir.Presence {
		return statedir.Presence{Cluster: id, Directory: statedir.ID{2}, Session: statedir.ID{2, byte(boot)}, Boot: boot,
			LastIndex: 100}
	}
	said := witness.Sign(c.Keys["cosigner-2"], witness.Statement{Validator: c.File.Validator, Cluster: witness.ID(id),
		Name: "cosigner-2", Directory: witness.ID{2}, Boot: 6, Session: witness.ID{2, 6}, Applied: 100})
	stand.HeardAgent("node-a", []*cosignerv1.SignedStatement{wire.Statement(said)})
	refused := (*statedir.PeerError)(nil)
	if err := p.Admit("cosigner-2", at(5), statedir.Sighting{}); !errors.As(err, &refused) ||
		refused.Reason != presence.ReasonStated {
		t.Errorf("its fifth start, after it stated something in its sixth: %v", err)
	}
	if _, met := dir.Seen("cosigner-2"); met {
		t.Error("the earlier one is taken for it")
	}
	if err := p.Admit("cosigner-2", at(6), statedir.Sighting{}); err != nil {
		t.Errorf("its sixth start: %v", err)
	}
}
