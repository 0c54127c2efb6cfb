package testimony

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

func key(n byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32)) }

func public(n byte) witness.Key { return witness.Key(key(n).Public().(ed25519.PublicKey)) }

// members is 2 of 3: c1, c2 and c3, with the keys 1 to 3.
func members() witness.Members {
	return witness.Members{Validator: casper.PublicKey{7}, Cluster: witness.ID{1}, Threshold: 2,
		Keys: map[string]witness.Key{"c1": public(1), "c2": public(2), "c3": public(3)}}
}

// says returns what the nth cosigner says, of which edit may change anything.
func says(n byte, applied uint64, edit func(*witness.Statement)) *cosignerv1.SignedStatement {
	s := witness.Statement{Validator: casper.PublicKey{7}, Cluster: witness.ID{1}, Name: "c" + string('0'+rune(n)),
		Directory: witness.ID{n}, Boot: 5, Session: witness.ID{n, 5}, Term: 2, Applied: applied,
		Newest: watermark.Mark{Era: 50, Height: 500}, Pruned: watermark.Mark{Era: 39, Height: 1}}
	if edit != nil {
		edit(&s)
	}
	return wire.Statement(witness.Sign(key(n), s))
}

// stranger is what a key of nobody says, of another cluster.
func stranger(n byte, era uint64) *cosignerv1.SignedStatement {
	return says(n, 1, func(s *witness.Statement) {
		s.Name, s.Cluster, s.Newest = "x", witness.ID{n}, watermark.Mark{Era: era, Height: 1}
	})
}

// rig is a Stand of c1 with what it stands on.
type rig struct {
	*Stand
	t     *testing.T
	of    witness.Members
	now   time.Time
	held  Held
	words statedir.Words
	lost  string // in its directory
	full  bool   // nothing can be written there
	looks int    // how often the state was looked up
	log   bytes.Buffer
}

func (r *rig) Lost() (string, error) { return r.lost, nil }

func (r *rig) MarkLost(why string) error {
	if r.full {
		return errors.New("no space left")
	}
	r.lost = why
	return nil
}

// newRig returns a Stand that was just opened, on a state that has applied 100 entries.
func newRig(t *testing.T, edit func(*rig)) *rig {
	r := &rig{t: t, of: members(), now: time.Unix(1000, 0)}
	starts := []witness.Start{{Boot: 6, Session: witness.ID{1, 6}, Opened: 100}}
	r.held = Held{Started: true, Led: true, Holding: witness.Holding{Starts: starts, Statement: witness.Statement{
		Validator: casper.PublicKey{7}, Cluster: witness.ID{1}, Name: "c1", Directory: witness.ID{1}, Boot: 6,
		Session: witness.ID{1, 6}, Term: 3, Applied: 100, Newest: watermark.Mark{Era: 50, Height: 500},
		Pruned: watermark.Mark{Era: 39, Height: 1}}}}
	if edit != nil {
		edit(r)
	}
	r.open()
	return r
}

// again is another start on the same directory, whose log has that many entries by now.
func (r *rig) again(entries uint64) {
	r.held.Boot++
	r.held.Session = witness.ID{1, byte(r.held.Boot)}
	r.held.Starts = append(r.held.Starts, witness.Start{Boot: r.held.Boot, Session: r.held.Session, Opened: entries})
	r.held.Applied = entries
	r.open()
}

// open opens the Stand.
func (r *rig) open() {
	var err error
	r.Stand, err = OpenStand(StandConfig{Name: "c1", Members: r.of, Key: key(1), Agents: []string{"a", "b"},
		Wait: 30 * time.Second, Every: time.Second, First: watermark.Mark{Era: 40, Height: 400},
		Held: func() Held { r.looks++; return r.held }, Words: func() (statedir.Words, error) { return r.words, nil },
		Directory: r, Now: func() time.Time { return r.now }, Logger: zerolog.New(&r.log)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.HeardChain("a", watermark.Mark{Era: 39, Height: 399}) // as the cluster begins
}

// pass lets time go by in which the process runs.
func (r *rig) pass(d time.Duration) {
	for ; d > 0; d -= paused {
		r.now = r.now.Add(min(d, paused))
		_ = r.Status()
	}
}
