package cluster

import "fmt"

// RetiredEntry is a key that a node had once. A request that it signed counts only for a slot that
// the log holds already, and only if it is dated no later than Until.
//
// Whoever stole the key can sign any date. But no entry of the log binds a slot by a request that
// is dated long ago (machine.MaxAge), so what is dated before Until binds nothing once the log has
// gone on by so much.
//
// A request without a date is not taken. It may have been made before requests were dated, or now.
//
// An Until that this process's log had not reached when it began is not one that an operator read
// off this log: it is of a founding before, as the indexes began anew since, or mistyped. It would
// let pass all that comes until then. So the key is not taken.
type RetiredEntry struct {
	Name  string `toml:"name"`
	Key   Key    `toml:"key" comment:"Ed25519 public key, hex"`
	Until uint64 `toml:"until,omitempty" comment:"APPLIED in status when it was retired"`
}

// takes reports whether the key counts for what it says was asked at that index, in a process that
// began with a log of so many entries.
func (e RetiredEntry) takes(askedAt, last uint64) bool {
	return askedAt > 0 && askedAt <= e.Until && e.Until <= last
}

// RetiredNotes says of each retired key why a process that began with a log of so many entries
// takes nothing that it signed. Where that log is not known, give the highest number.
func (f *File) RetiredNotes(last uint64) (notes []string) {
	for _, e := range f.Retired {
		switch {
		case e.Until == 0:
			notes = append(notes, fmt.Sprintf("retired %q: key %x says no `until`, so nothing that it signed is taken, also "+
				"not for slots that it claimed and that are not signed yet. If it was not stolen, set `until` to APPLIED "+
				"in status, as it was when the key was retired", e.Name, []byte(e.Key)))
		case e.Until > last:
			notes = append(notes, fmt.Sprintf("retired %q: key %x is taken until entry %d, and this log ended at %d as "+
				"this process began: nothing that the key signed is taken. Was the cluster founded anew since? Then take "+
				"this entry out. If this cosigner is only behind, restart it once it has caught up",
				e.Name, []byte(e.Key), e.Until, last))
		}
	}
	return notes
}
