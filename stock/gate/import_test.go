package gate

import (
	"bytes"
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
	if _, err := New(s, a).Import(t.Context(), old); !errors.Is(err, refuse) {
		t.Errorf("without an answer: %v", err)
	}
	if _, err := os.Stat(kept); err == nil {
		t.Error("something is kept that was not granted")
	}
	claimed, refuse = nil, nil
	done, err := New(s, a).Import(t.Context(), old)
	if want := (Imported{Own: 2, Size: int64(len(whole)), Cut: 3}); err != nil || done != want {
		t.Fatalf("%+v, %v", done, err)
	}
	if got, err := os.ReadFile(kept); err != nil || !bytes.Equal(got, whole) || !slices.Equal(claimed, own) {
		t.Errorf("kept are %d bytes, %v; claimed were %v", len(got), err, claimed)
	}
	claimed = nil
	done, err = New(s, a).Import(t.Context(), old)
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
		if _, err := New(s, a).Import(t.Context(), old); !errors.Is(err, ErrBound) {
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
