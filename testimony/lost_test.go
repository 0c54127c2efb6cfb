package testimony

import (
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/witness"
)

// TestLostIsToldTheLog: the log is told that this state is lost from when it is found, and from the
// first moment of every later start; of one that is only behind it is not, which is to catch up.
func TestLostIsToldTheLog(t *testing.T) {
	show := func(r *rig, p *cosignerv1.SignedStatement) { r.HeardAgent("a", []*cosignerv1.SignedStatement{p}) }
	for _, full := range []bool{false, true} {
		r := newRig(t, func(r *rig) { r.full = full })
		show(r, says(1, 200, func(s *witness.Statement) { s.Directory = witness.ID{9} }))
		if r.Stand.Lost() == nil {
			t.Error("found to be lost, and the log is not told")
		}
		r.open()
		if told := r.Stand.Lost() != nil; told == full {
			t.Errorf("after another start, with the note kept %v: told %v", !full, told)
		}
	}
	r := newRig(t, nil)
	show(r, says(2, 200, nil))
	show(r, says(3, 200, nil))
	if r.Open() == nil {
		t.Fatal("it is not behind: this test tests nothing")
	}
	if err := r.Stand.Lost(); err != nil {
		t.Errorf("behind, and told to be lost: %v", err)
	}
}
