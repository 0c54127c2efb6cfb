package cosigner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// CheckUnused fails if the ledger of a directory that no process has open ever bound or forgot
// anything, so that it must stay as it is. There may be none yet.
func CheckUnused(config LedgerConfig) error {
	if _, err := os.Stat(config.Path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	config.Fatal = func(error) {} // it is told by what is returned
	l, err := openLedger(config, osDisk(config.Path))
	if err != nil {
		return err
	}
	unused := l.unused()
	if err := l.Close(); err != nil {
		return fmt.Errorf("closing ledger %s: %w", config.Path, err)
	}
	if !unused {
		return fmt.Errorf("ledger %s holds what this cosigner has signed", config.Path)
	}
	return nil
}

// unused reports whether the ledger is as it was made.
func (l *Ledger) unused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next == 1 && l.index.size == 0 && len(l.differing) == 0 && l.floor == l.first
}

// restated makes the ledger anew, if it is as it was made, and the directory states another first
// mark by now: statedir.Restate. If we crash here it is the old one or the new one, and both are
// empty.
func (l *Ledger) restated() (*Ledger, error) {
	config := l.config
	if l.first == config.First || !l.unused() {
		return l, nil
	}
	if err := l.Close(); err != nil {
		return nil, fmt.Errorf("closing ledger %s: %w", config.Path, err)
	}
	h := header{directory: config.Directory, first: config.First, floor: config.First, written: 1}
	if err := writeLedger(l.disk, config.Watchdog, h, func(func(record) bool) {}); err != nil {
		return nil, fmt.Errorf("making ledger %s anew: %w", config.Path, err)
	}
	return openLedger(config, l.disk)
}
