package cosigner

import (
	"path/filepath"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// TestLedgerRestated: a ledger that was never used is made anew when its directory states another
// first mark, also a lower one. One that bound or forgot anything stays as it is.
func TestLedgerRestated(t *testing.T) {
	first, slot := watermark.Mark{Era: 50, Height: 500}, casper.SlotOfHeight(700)
	for name, c := range map[string]struct {
		use    func(*Ledger) error
		unused bool
	}{
		"as it was made": {func(*Ledger) error { return nil }, true},
		"it bound":       {func(l *Ledger) error { return l.Claim(slot, casper.Hash{1}, 0) }, false},
		"it forgot":      {func(l *Ledger) error { return l.Prune(watermark.Mark{Era: 51, Height: 500}) }, false},
	} {
		config := LedgerConfig{Path: filepath.Join(t.TempDir(), "ledger"), Directory: statedir.ID{1}, FirstRun: true,
			First: first, Restate: true, Fatal: func(err error) { t.Error(err) }}
		open := func() *Ledger {
			l, err := OpenLedger(config)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		if err := CheckUnused(config); err != nil {
			t.Errorf("%s: there is none yet: %v", name, err)
		}
		l := open()
		if err := c.use(l); err != nil {
			t.Fatal(name, err)
		}
		before := l.Floor()
		l.Close()
		if err := CheckUnused(config); (err == nil) != c.unused {
			t.Errorf("%s: unused %v, got %v", name, c.unused, err)
		}
		config.FirstRun, config.First = false, watermark.Mark{Era: 3, Height: 4}
		for range 2 {
			l = open()
			if want := map[bool]watermark.Mark{true: config.First, false: before}[c.unused]; l.Floor() != want {
				t.Errorf("%s: refuses below %v, want %v", name, l.Floor(), want)
			}
			l.Close()
		}
	}
}
