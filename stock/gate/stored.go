package gate

import (
	"cmp"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// mostRetold is of how many files, the newest, an agent that was started is told again: of the era
// that lasts, and of the one before, whose end it may not know yet.
const mostRetold = 2

// stored returns what of ours the newest files hold, oldest first. An agent keeps nothing over its
// own end, and what was stored just before the gate's end was never told.
func (g *Gate) stored() (own []casper.Ballot) {
	type dated struct {
		*file
		at time.Time
	}
	var files []dated
	g.mu.Lock()
	for _, f := range g.names {
		files = append(files, dated{file: f})
	}
	g.mu.Unlock()
	for i, f := range files {
		if info, err := os.Stat(f.path()); err == nil {
			files[i].at = info.ModTime()
		}
	}
	slices.SortFunc(files, func(a, b dated) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name))
	})
	for _, f := range files[max(0, len(files)-mostRetold):] {
		some, err := f.own()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			g.settings.Log.Warn().Err(err).Str("file", f.name).Msg("the agent is not told again what a unit file holds")
		}
		own = append(own, some...)
	}
	return own
}

// own reads what of ours the file holds, with the signatures. All of it was granted before it was
// stored. Whoever is told verifies it: where power was cut the last one may be damaged.
func (f *file) own() (own []casper.Ballot, err error) {
	instance, err := journal.ParseName(f.name, f.gate.settings.Key)
	if err != nil {
		return nil, err
	}
	end, _, err := f.stat() // what is written just now may yet be taken back
	if err != nil {
		return nil, err
	}
	store, err := os.Open(f.path())
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r := units.NewReader(io.NewSectionReader(store, 0, end))
	whose := map[uint32]bool{} // of each index one signature is verified, as in a Journal
	for {
		e, err := r.Next()
		var damage *units.DamageError
		switch {
		case errors.Is(err, io.EOF), errors.As(err, &damage): // of a file that is not open yet
			return own, nil
		case err != nil:
			return own, err
		}
		m := e.First.Ballot
		if e.Kind != units.Signed || m.Instance != instance {
			continue
		}
		if _, met := whose[m.Validator]; !met {
			whose[m.Validator] = m.SignedBy(f.gate.settings.Key)
		}
		if whose[m.Validator] {
			own = append(own, m)
		}
	}
}
