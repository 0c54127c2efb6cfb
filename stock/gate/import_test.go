package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// TestImport: of an old file each message of ours is claimed before anything is kept.
func TestImport(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	other := unitstest.New(2, 3)
	own := []casper.Ballot{us.Echo(era, 1, "block"), us.Vote(era, 1, true)}
	whole := slices.Concat(unitstest.Entry(own[0]), unitstest.Entry(other.Vote(era, 1, true)), unitstest.Entry(own[1]))
	old := filepath.Join(t.TempDir(), journal.FileName(era, us.Public()))
	if err := os.WriteFile(old, append(slices.Clone(whole), 1, 2, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	var claimed []casper.Ballot
	var refuse error
	a := asker(func(m casper.Ballot) error {
		claimed = append(claimed, m)
		if m.Kind == casper.KindVote {
			return refuse
		}
		return nil
	})
	s := Settings{Key: us.Public(), State: t.TempDir(), Patience: time.Minute}
	kept := filepath.Join(folderOf(s.State), filepath.Base(old))

	refuse = errors.New("nobody there")
	if _, err := importOne(New(s, a), old); !errors.Is(err, refuse) {
		t.Errorf("without an answer: %v", err)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Error("something is kept that was not granted")
	}
	claimed, refuse = nil, nil
	done, err := importOne(New(s, a), old)
	if want := (Imported{Own: 2, Size: int64(len(whole)), Cut: 3}); err != nil || done != want {
		t.Fatalf("%+v, %v", done, err)
	}
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, whole) || !slices.Equal(claimed, own) {
		t.Errorf("kept are %d bytes, %v; claimed were %v", len(got), err, claimed)
	}
	claimed = nil
	done, err = importOne(New(s, a), old)
	if want := (Imported{Own: 2, Size: int64(len(whole)), Cut: 3, Had: true}); err != nil || done != want {
		t.Errorf("a second time: %+v, %v", done, err)
	}
}

// TestImportContradicts: two contents of one slot keep the gate from starting, however the file is.
func TestImportContradicts(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	twice := slices.Concat(unitstest.Entry(us.Vote(era, 1, true)), unitstest.Entry(us.Vote(era, 1, false)))
	one := unitstest.Entry(us.Vote(era, 1, false))
	for name, file := range map[string][]byte{"in the log": one, "in the file": twice} {
		old := filepath.Join(t.TempDir(), journal.FileName(era, us.Public()))
		if err := os.WriteFile(old, file, 0o600); err != nil {
			t.Fatal(err)
		}
		a := asker(func(m casper.Ballot) error {
			if m.Value == (casper.Hash{}) {
				return fmt.Errorf("the cosigners say: %w", ErrBound)
			}
			return nil
		})
		s := Settings{Key: us.Public(), State: t.TempDir(), Patience: time.Minute}
		if _, err := importOne(New(s, a), old); !errors.Is(err, ErrBound) {
			t.Errorf("%s: %v", name, err)
		}
		if lock, err := New(s, a).Open(); err == nil || !strings.Contains(err.Error(), "contradicts") {
			t.Errorf("%s: the gate starts: %v", name, err)
			lock.Close()
		}
		if files, err := os.ReadDir(folderOf(s.State)); err != nil || len(files) != 0 {
			t.Errorf("%s: kept are %v, %v", name, files, err)
		}
	}
}

// eras are the eras of instances, as an agent knows them.
type eras map[casper.Hash]uint64

func (e eras) Era(_ context.Context, instance casper.Hash) (uint64, error) {
	if era, ok := e[instance]; ok {
		return era, nil
	}
	return 0, errors.New("not known")
}

// importOne has the gate take over one file.
func importOne(g *Gate, path string) (Imported, error) {
	all, err := g.Import(context.Background(), eras{}, path)
	if len(all) != 1 {
		return Imported{}, err
	}
	return all[0].Imported, errors.Join(all[0].Err, err)
}

// TestImportFolder: of a folder all files are claimed, the newest era's first and one of an unknown
// era last, whatever fails, and also while a conflict keeps the gate down.
func TestImportFolder(t *testing.T) {
	us, known, folder := unitstest.New(1, 7), eras{}, t.TempDir()
	own := map[string]casper.Ballot{}
	for era, name := range []string{"a", "b", "c", "d", "e", "unknown"} {
		instance := unitstest.Instance(name)
		own[name] = us.Echo(instance, 1, "block")
		path := filepath.Join(folder, journal.FileName(instance, us.Public()))
		if err := os.WriteFile(path, unitstest.Entry(own[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		if name != "unknown" {
			known[instance] = uint64(era)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "config"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var claimed []casper.Ballot
	bound := own["d"]
	s := Settings{Key: us.Public(), State: t.TempDir(), Patience: time.Minute}
	imports := func() (failed []casper.Hash, err error) {
		claimed = nil
		all, err := New(s, asker(func(m casper.Ballot) error {
			claimed = append(claimed, m)
			if m == bound {
				return ErrBound
			}
			return nil
		})).Import(t.Context(), known, folder)
		for _, f := range all {
			if instance, _ := journal.ParseName(filepath.Base(f.Path), us.Public()); f.Err != nil {
				failed = append(failed, instance)
			}
		}
		return failed, err
	}
	want := []casper.Ballot{own["e"], own["d"], own["c"], own["b"], own["a"], own["unknown"]}
	failed, err := imports()
	if !errors.Is(err, ErrConflict) || !slices.Equal(failed, []casper.Hash{bound.Instance}) ||
		!slices.Equal(claimed, want) {
		t.Errorf("failed are %v, %v; claimed were %v", failed, err, claimed)
	}
	// What was kept is not claimed again, and the conflict stays, whatever is granted then.
	late := unitstest.Instance("late")
	known[late], own["late"] = 9, us.Echo(late, 1, "block")
	path := filepath.Join(folder, journal.FileName(late, us.Public()))
	if err := os.WriteFile(path, unitstest.Entry(own["late"]), 0o600); err != nil {
		t.Fatal(err)
	}
	bound = casper.Ballot{}
	failed, err = imports()
	if !errors.Is(err, ErrConflict) || failed != nil || !slices.Equal(claimed, []casper.Ballot{own["late"], own["d"]}) {
		t.Errorf("again: failed are %v, %v; claimed were %v", failed, err, claimed)
	}
	if lock, err := New(s, nil).Open(); !errors.Is(err, ErrConflict) {
		t.Errorf("the gate starts: %v", err)
		lock.Close()
	}
	empty := t.TempDir()
	if _, err := New(s, nil).Import(t.Context(), known, empty); err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("an empty folder: %v", err)
	}
}

// TestImportBehindTheFloor: what is never granted keeps no slot behind it from being compared,
// however many there are.
func TestImportBehindTheFloor(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	const rounds = refusedInRow + 4
	var entries [][]byte
	for round := range uint32(rounds) {
		entries = append(entries, unitstest.Entry(us.Echo(era, round, "a")))
	}
	o := newOldFile(t, entries...)
	o.asks = func(m casper.Ballot) error {
		if m.Round == rounds-1 {
			return ErrBound
		}
		return fmt.Errorf("below the floor: %w", ErrNever)
	}
	if _, err := o.imports(); !errors.Is(err, ErrBound) || !errors.Is(err, ErrNever) || len(o.claimed) != rounds {
		t.Errorf("%v after %d claims", err, len(o.claimed))
	}
}
