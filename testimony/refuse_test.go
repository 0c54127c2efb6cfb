package testimony

import (
	"errors"
	"strings"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

// TestRefuses: another cosigner is refused once its own statement shows that the state on which it
// runs has lost something, and for nothing else: not for what others state of more, nor for what it
// shows late.
func TestRefuses(t *testing.T) {
	shown := statedir.Presence{Directory: statedir.ID{2}, Session: statedir.ID{2, 5}, Boot: 5, LastIndex: 110,
		AppliedIndex: 90, Written: 30, First: watermark.Mark{Era: 39, Height: 1}}
	earlier := func(s *witness.Statement) { s.Boot, s.Session = 4, witness.ID{2, 4} }
	later := func(s *witness.Statement) { s.Boot, s.Session = 6, witness.ID{2, 6} }
	elsewhere := func(s *witness.Statement) { s.Directory[5] = 1 }
	for name, c := range map[string]struct {
		known *cosignerv1.SignedStatement
		edit  func(*statedir.Presence)
		want  string // empty: it is taken
	}{
		"nothing is known":     {says(3, 1e6, later), nil, ""},
		"it stated more since": {says(2, 1e6, nil), nil, ""},
		"a later start":        {says(2, 100, later), nil, "start number 6"},
		"another process of the start": {says(2, 100, func(s *witness.Statement) {
			s.Session[5] = 1
		}), nil, "two copies"},
		"another directory":                         {says(2, 1, elsewhere), nil, "initialised again"},
		"an earlier start, that had more":           {says(2, 111, earlier), nil, "entry 111"},
		"an earlier start, that had that":           {says(2, 110, earlier), nil, ""},
		"an earlier start, with more in its ledger": {says(2, 100, ledger(31, earlier)), nil, "31 records"},
		"an earlier start, with as much in it":      {says(2, 100, ledger(30, earlier)), nil, ""},
		"it had more in its ledger since":           {says(2, 100, ledger(1e6, nil)), nil, ""},
		"it does not show its ledger": {says(2, 100, ledger(31, earlier)), func(p *statedir.Presence) {
			p.Written = 0
		}, ""},
		"it refuses all that was signed": {says(2, 100, later), func(p *statedir.Presence) {
			p.First = watermark.Mark{Era: 51, Height: 501}
		}, ""},
		"what another key says in its name": {stolen(later), nil, ""},
	} {
		r := newRig(t, nil)
		if err := r.Refuses("c2", shown); err != nil {
			t.Fatalf("before anything is known: %v", err)
		}
		r.HeardAgent("a", []*cosignerv1.SignedStatement{c.known})
		now := shown
		if c.edit != nil {
			c.edit(&now)
		}
		for range 2 {
			err, refused := r.Refuses("c2", now), (*statedir.PeerError)(nil)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v", name, err)
			case c.want != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "Stop it")):
				t.Errorf("%s: got %v, want %q", name, err, c.want)
			}
		}
	}
}

// ledger is a statement of so many records, edited.
func ledger(written uint64, edit func(*witness.Statement)) func(*witness.Statement) {
	return func(s *witness.Statement) {
		if s.Written = written; edit != nil {
			edit(s)
		}
	}
}

// stolen is what c3 signs in the name of c2.
func stolen(edit func(*witness.Statement)) *cosignerv1.SignedStatement {
	return says(3, 100, func(s *witness.Statement) { s.Name = "c2"; edit(s) })
}
