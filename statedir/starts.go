package statedir

import (
	"cmp"
	"fmt"
	"slices"
)

// startsFile names the file about earlier starts, within the directory.
const startsFile = "starts.json"

// startsKept is how many starts are noted: some 100 KB, written at each.
const startsKept = 1024

// Start is one start on the directory.
type Start struct {
	Boot    uint64 `json:"boot"`
	Session ID     `json:"session"`
	Opened  uint64 `json:"opened"`          // last entry of the Raft log then
	Written uint64 `json:"written"`         // records that the ledger was ever given by then
	Since   uint64 `json:"since,omitempty"` // first start that it stands for, if others were dropped
}

// NoteStart durably notes log and ledger as this process opened them; boot and session are set
// here. It must be called once, before anything is stored to either: what this process states later
// is judged by it, on this directory and on any copy of it that is made from then on. If we crash
// before, nothing was stored, and nothing stated.
func (d *Dir) NoteStart(opened Start) error {
	opened.Boot, opened.Session = d.boot, d.session
	d.starts = append(d.starts, opened)
	for len(d.starts) > startsKept {
		d.starts = dropStart(d.starts)
	}
	if err := writeRecord(d.Path(startsFile), d.starts); err != nil {
		return fmt.Errorf("noting this start: %w", err)
	}
	return nil
}

// dropStart drops the note that is missed the least. What was stated under its number is held
// against log and ledger as the next start opened them from then on, so the less these were longer,
// the less is missed. A cosigner that fails at each start finds them as they were: those starts go
// before all that came earlier, and the first of them, which others may have let in, after the
// rest. The next start stands for what is dropped. The last one stays.
func dropStart(line []Start) []Start {
	drop, least := 0, [2]uint64{}
	for i := range line[:len(line)-1] {
		grew := [2]uint64{grown(line, i), ^uint64(0)}
		if i > 0 {
			grew[1] = grown(line, i-1)
		}
		if i == 0 || slices.Compare(grew[:], least[:]) < 0 {
			drop, least = i, grew
		}
	}
	line[drop+1].Since = cmp.Or(line[drop].Since, line[drop].Boot)
	return slices.Delete(line, drop, drop+1)
}

// grown is how much longer log and ledger were at the start after the i-th. A log may be shorter:
// its end was not committed.
func grown(line []Start, i int) uint64 {
	this, next := line[i], line[i+1]
	return max(next.Opened, this.Opened) - this.Opened + max(next.Written, this.Written) - this.Written
}

// Starts returns the starts that are noted, in their order, from NoteStart on with this one. Those
// of a release that did not note them are missing, and what was dropped of more than 1,024.
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
