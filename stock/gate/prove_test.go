package gate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units/unitstest"
)

// same has the same proof for whatever is claimed.
type same struct{ proof attest.Proof }

func (s same) Claim(context.Context, casper.Ballot) (attest.Proof, error) { return s.proof, nil }

func (same) Signed(context.Context, casper.Hash) ([]casper.Ballot, *uint32, error) {
	return nil, nil, nil
}

// TestProofOfAnother: nothing is written, nor a file taken over, by the proof of anything else, or
// by none.
func TestProofOfAnother(t *testing.T) {
	us, era := unitstest.New(1, 7), unitstest.Instance("era")
	own := us.Vote(era, 1, true)
	old := filepath.Join(t.TempDir(), journal.FileName(era, us.Public()))
	if err := os.WriteFile(old, unitstest.Entry(own), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		proof attest.Proof
		want  error
	}{
		"none": {attest.Proof{}, journal.ErrUngranted}, "its own": {attesttest.Proof(own), nil},
		"another content's": {attesttest.Proof(us.Vote(era, 1, false)), journal.ErrUngranted},
	} {
		s := Settings{Key: us.Public(), State: t.TempDir(), Patience: time.Minute}
		if _, err := importOne(New(s, same{tt.proof}), old); !errors.Is(err, tt.want) {
			t.Errorf("%s: imported: %v", name, err)
		}
		s.State = t.TempDir()
		g := New(s, same{tt.proof})
		lock, err := g.Open()
		if err != nil {
			t.Fatal(err)
		}
		f := g.enter(filepath.Base(old))
		if err := f.open(); err != nil {
			t.Fatal(err)
		}
		h := &handle{file: f, pen: f.pen()}
		if err := h.write(unitstest.Entry(own)); !errors.Is(err, tt.want) {
			t.Errorf("%s: written: %v", name, err)
		}
		if size, _, err := f.stat(); err != nil || (size > 0) != (tt.want == nil) {
			t.Errorf("%s: stored are %d bytes, %v", name, size, err)
		}
		lock.Close()
	}
}
