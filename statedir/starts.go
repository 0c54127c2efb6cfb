package statedir

import (
	"fmt"
	"slices"
)

// startsFile names the file about earlier starts, within the directory.
const startsFile = "starts.json"

// startsKept is how many starts are noted: an hour of starting each few seconds.
const startsKept = 1024

// Start is one start on the directory.
type Start struct {
	Boot    uint64 `json:"boot"`
	Session ID     `json:"session"`
	Opened  uint64 `json:"opened"`  // last entry of the Raft log then
	Written uint64 `json:"written"` // records that the ledger was ever given by then
}

// NoteStart durably notes log and ledger as this process opened them; boot and session are set
// here. It must be called once, before anything is stored to either: what this process states later
// is judged by it, on this directory and on any copy of it that is made from then on. If we crash
// before, nothing was stored, and nothing stated.
func (d *Dir) NoteStart(opened Start) error {
	opened.Boot, opened.Session = d.boot, d.session
	d.starts = append(d.starts, opened)
	d.starts = d.starts[max(0, len(d.starts)-startsKept):]
	if err := writeRecord(d.Path(startsFile), d.starts); err != nil {
		return fmt.Errorf("noting this start: %w", err)
	}
	return nil
}

// Starts returns the starts that are noted, in their order, from NoteStart on with this one. Those
// of a release that did not note them are missing, and all but the last 1,024.
func (d *Dir) Starts() []Start { return slices.Clone(d.starts) }

// loadStarts reads what is noted. A directory of an earlier release has no such file.
func (d *Dir) loadStarts() error {
	if err := readOptional(d.Path(startsFile), &d.starts); err != nil {
		return fmt.Errorf("%w; %s", err, lostState)
	}
	for i, o := range d.starts {
		if o.Boot >= d.boot || i > 0 && o.Boot <= d.starts[i-1].Boot {
			return fmt.Errorf("%s and %s are not of one time; %s", startsFile, bootFile, lostState)
		}
	}
	return nil
}
