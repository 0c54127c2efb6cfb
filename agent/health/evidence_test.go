package health

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
)

var (
	ourKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	otherKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
)

func publicOf(key ed25519.PrivateKey) casper.PublicKey {
	return casper.PublicKey(key.Public().(ed25519.PublicKey))
}

// round is round 4 of an era, in which our index is 3.
func round(era uint64) casper.Round {
	return casper.Round{Era: era, KeyBlock: casper.Hash{byte(era)}, ID: 4, Validator: 3}
}

func signedBy(key ed25519.PrivateKey, m casper.Message) casper.Ballot {
	b, _ := casper.BallotOf(m)
	b.Signature = casper.Signature(ed25519.Sign(key, m.SignBytes()))
	return b
}

// evidenceEntry is one as casper-node writes it: what the second message has in common with the
// first stands there once.
func evidenceEntry(a, b casper.Ballot) []byte {
	le := binary.LittleEndian
	list := func(b []byte) []byte { return append(le.AppendUint64(nil, uint64(len(b))), b...) }
	content := func(b casper.Ballot) []byte {
		if b.Kind == casper.KindEcho {
			return append([]byte{0, 0, 0, 0}, list(b.Value[:])...)
		}
		return []byte{1, 0, 0, 0, b.Value[0]}
	}
	signature := func(b casper.Ballot) []byte { return append([]byte{1, 0, 0, 0}, list(b.Signature[:])...) }
	return list(slices.Concat([]byte{2, 0, 0, 0}, le.AppendUint32(nil, a.Round), list(a.Instance[:]), content(a),
		le.AppendUint32(nil, a.Validator), signature(a), content(b), signature(b)))
}

// folder is a node's folder of unit files.
type folder struct {
	t    *testing.T
	path string
	age  time.Duration
}

// has puts a unit file of the era there. Each is older than the one before.
func (f *folder) has(era uint64, key ed25519.PrivateKey, entries ...[]byte) {
	f.t.Helper()
	path := filepath.Join(f.path, "unit_"+round(era).Instance().String()+"_"+publicOf(key).String()+".dat")
	if err := os.WriteFile(path, slices.Concat(entries...), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.age += time.Minute
	at := time.Unix(1_900_000_000, 0).Add(-f.age)
	if err := os.Chtimes(path, at, at); err != nil {
		f.t.Fatal(err)
	}
}

// TestEvidence: what of a node's unit files is told of a fault in era 7.
func TestEvidence(t *testing.T) {
	vote := func(era uint64, yes bool) casper.Ballot {
		return signedBy(ourKey, casper.Vote{Round: round(era), Value: yes})
	}
	echo := func(era uint64, n byte) casper.Ballot {
		return signedBy(ourKey, casper.Echo{Round: round(era), Proposal: casper.Hash{n}})
	}
	index := round(7)
	index.Validator = 2
	moved := [2]casper.Ballot{signedBy(ourKey, casper.Vote{Round: index, Value: true}),
		signedBy(ourKey, casper.Vote{Round: index})}
	misplaced := echo(5, 1)
	misplaced.Instance = round(7).Instance()
	others := evidenceEntry(signedBy(otherKey, casper.Vote{Round: round(7), Value: true}),
		signedBy(otherKey, casper.Vote{Round: round(7)}))
	ours := evidenceEntry(vote(7, true), vote(7, false))
	for _, c := range []struct {
		name  string
		has   func(*folder)
		asked []uint64 // eras in which the node asked before
		want  [2]casper.Ballot
		err   string
	}{
		{"two votes", func(f *folder) { f.has(7, ourKey, others, ours) }, nil,
			[2]casper.Ballot{vote(7, true), vote(7, false)}, ""},
		{"known by its signature, whatever the index",
			func(f *folder) { f.has(7, ourKey, others, evidenceEntry(moved[0], moved[1])) }, nil, moved, ""},
		{"an echo of another era, taken for one of this",
			func(f *folder) { f.has(7, ourKey, evidenceEntry(echo(5, 1), echo(7, 2))) }, nil,
			[2]casper.Ballot{echo(5, 1), echo(7, 2)}, ""},
		{"the other way round", func(f *folder) { f.has(7, ourKey, evidenceEntry(echo(7, 2), echo(5, 1))) }, nil,
			[2]casper.Ballot{echo(7, 2), misplaced}, ""},
		{"in an older file", func(f *folder) { f.has(8, ourKey, others); f.has(7, ourKey, ours) }, nil,
			[2]casper.Ballot{vote(7, true), vote(7, false)}, ""},
		{"of two eras", func(f *folder) {
			f.has(8, ourKey, evidenceEntry(vote(8, true), vote(8, false)))
			f.has(7, ourKey, ours)
		}, []uint64{8}, [2]casper.Ballot{vote(7, true), vote(7, false)}, ""},
		{"of another era alone", func(f *folder) { f.has(8, ourKey, evidenceEntry(vote(8, true), vote(8, false))) },
			[]uint64{7, 8}, [2]casper.Ballot{}, "no evidence against our key in 1 unit files"},
		{"of an era before all that is kept", func(f *folder) {
			for era := range uint64(unitFiles) {
				f.has(20-era, ourKey, others)
			}
			f.has(7, ourKey, ours)
		}, nil, [2]casper.Ballot{}, "no evidence against our key in 5 unit files"},
		{"against others", func(f *folder) { f.has(7, ourKey, others) }, nil, [2]casper.Ballot{},
			"no evidence against our key"},
		{"in another validator's file", func(f *folder) { f.has(7, otherKey, ours) }, nil, [2]casper.Ballot{},
			"no evidence against our key in 0 unit files"},
		{"before a damage", func(f *folder) { f.has(7, ourKey, ours, make([]byte, 9)) }, nil,
			[2]casper.Ballot{vote(7, true), vote(7, false)}, ""},
		{"behind a damage", func(f *folder) { f.has(7, ourKey, others, make([]byte, 9), ours) }, nil, [2]casper.Ballot{},
			"damaged at offset 222: an entry of 0 bytes"},
		{"torn", func(f *folder) { f.has(7, ourKey, ours[:len(ours)-1]) }, nil, [2]casper.Ballot{}, "no evidence"},
		{"no folder", func(f *folder) { f.path = filepath.Join(f.path, "gone") }, nil, [2]casper.Ballot{}, "no such file"},
		{"not set", func(f *folder) { f.path = "" }, nil, [2]casper.Ballot{}, "unit_files is not set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &folder{t: t, path: t.TempDir()}
			c.has(f)
			w := New(Config{Validator: publicOf(ourKey), UnitFiles: f.path, Now: time.Now})
			for _, era := range c.asked {
				w.Asked(casper.Vote{Round: round(era)}, signedAnswer)
			}
			w.noteFault(t.Context(), 7)
			got := w.Node()
			if got.FaultEra != 7 || got.Evidence.Ballots != c.want || (got.Evidence.Error == "") != (c.err == "") ||
				!strings.Contains(got.Evidence.Error, c.err) {
				t.Errorf("got %+v\nwant %+v %q", got.Evidence, c.want, c.err)
			}
			if again := wire.Node(w.Health(time.Now()), time.Now()); again.Evidence != got.Evidence {
				t.Errorf("it is told as %+v", again.Evidence)
			}
		})
	}
}

// TestEvidenceLater: what is not there when the fault is told is looked for again, and what was
// found is told until the end.
func TestEvidenceLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, events := pipe()
		f := &folder{t: t, path: t.TempDir()}
		r := watch(t, Config{Events: "http://node:9999", Validator: publicOf(ourKey), UnitFiles: f.path},
			&node{events: events})
		write(t, out, version, faultOf(publicOf(ourKey), 7))
		if n := r.Node(); n.FaultEra != 7 || n.Evidence.Error == "" || r.told("cannot be read") != 0 {
			t.Errorf("%+v\n%s", n.Evidence, r.log)
		}
		f.has(7, ourKey, evidenceEntry(signedBy(ourKey, casper.Vote{Round: round(7), Value: true}),
			signedBy(ourKey, casper.Vote{Round: round(7)})))
		after(silence - 1)
		keepAlive(t, out)
		after(1)
		found := r.Node().Evidence
		if found.Error != "" || found.Ballots[0].Kind != casper.KindVote {
			t.Errorf("%+v", found)
		}
		f.has(7, ourKey)
		write(t, out, faultOf(publicOf(ourKey), 7))
		after(silence - 1)
		if now := r.Node().Evidence; now != found {
			t.Errorf("it was forgotten: %+v", now)
		}
	})
}

// TestUnreadable: that nobody could look into a fault is said at the start, not when there is one.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := watch(t, Config{Validator: publicOf(ourKey), UnitFiles: filepath.Join(t.TempDir(), "gone")}, &node{})
		synctest.Wait()
		if r.told("unit files cannot be read") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		w := r.Watcher
		w.reading.Store(true)
		if e := w.evidence(t.Context(), 7); !strings.Contains(e.Error, "still being read") {
			t.Errorf("%+v", e)
		}
		w.reading.Store(false)
	})
}

// TestNamed: an agent knows the newest eras' instances by what its node asks for.
func TestNamed(t *testing.T) {
	var a account
	for era := range uint64(10) {
		for range 3 {
			a.asked(casper.Vote{Round: round(era)}, signedAnswer, at(1))
		}
	}
	a.asked(casper.Finality{Height: 3}, signedAnswer, at(1))
	for era := range uint64(10) {
		instance := round(era).Instance()
		if got := a.another(instance, era+1); got != (era >= 6) || a.another(instance, era) {
			t.Errorf("era %d: known to be another %v", era, got)
		}
	}
}
