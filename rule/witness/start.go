package witness

import (
	"fmt"
	"slices"
)

// Start is one start of a cosigner on its state directory. Each is noted there before its process
// stores anything to the log, and so before it states anything.
//
// That is what tells a directory that was put back from one that was not, however often either was
// started since, and whether or not agents were heard then. Call a line all starts of which each
// found what the one before it left. Two lines that part, at a copy, have the starts before it in
// common, and no later one: those have other processes. What a process had applied lay in its log,
// so it lies in the log as any later start of its line opened it. A statement by start b of this
// directory is therefore
//
//   - of another line, if start b of this one is noted with another process, or is not noted though
//     an earlier one is, and was not dropped: a start that failed before its note has stated nothing;
//   - else of the last process before the copy, if it has applied more than the log had as the next
//     start that is noted here opened it: then it went on elsewhere, or the log alone was cut;
//   - or if its ledger was given more records than that start found. It may have applied no more than
//     the copy's log has, which ended in entries that nobody committed, or what it gave shares for
//     may be stored and not applied. But no share leaves without a record, so if it had no more,
//     the copy forbids all that it signed.
//
// Neither is ever so of a statement made on this line. Starts before the first that is noted, and
// those that were dropped since there were too many, make it see less, and nothing falsely: all
// that they had applied is in the log as any later one opened it.
type Start struct {
	Boot    uint64
	Session ID
	Opened  uint64 // last entry of the log as that process opened it
	Written uint64 // records that its ledger was ever given, as that process opened it; 0 if that is not known
	Since   uint64 // first start that this note stands for, as others were dropped; zero for itself
}

// standsFor reports whether the note of that start may have been dropped for this one.
func (o Start) standsFor(boot uint64) bool { return o.Since != 0 && o.Since <= boot && boot < o.Boot }

// undone says what the statement of an earlier start shows that is not so on this line of starts,
// empty for nothing.
func undone(line []Start, s Statement) string {
	next := slices.IndexFunc(line, func(o Start) bool { return o.Boot >= s.Boot })
	if next < 0 {
		return ""
	}
	switch {
	case line[next].Boot == s.Boot && line[next].Session != s.Session:
		return fmt.Sprintf("its start number %d was another process: the directory was restored, or two copies of it run",
			s.Boot)
	case line[next].Boot == s.Boot:
		next++
	case next > 0 && !line[next].standsFor(s.Boot):
		return fmt.Sprintf("its start number %d is not noted here, and nothing is stated before its start is noted: the "+
			"directory was restored, or two copies of it run", s.Boot)
	}
	if next < len(line) && s.Applied > line[next].Opened {
		return fmt.Sprintf("it had applied entry %d, and its log ended at entry %d when start number %d opened it: the log "+
			"was restored or cut", s.Applied, line[next].Opened, line[next].Boot)
	}
	if next < len(line) && line[next].Written > 0 && s.Written > line[next].Written {
		return fmt.Sprintf("it had made %d records in its ledger, and start number %d opened it with %d: the ledger was "+
			"restored", s.Written, line[next].Boot, line[next].Written)
	}
	return ""
}

// Continues says what shows that the directory with these starts does not hold all that another
// cosigner saw of it: the start and process of seen were let in there last, and as many entries
// were shown to be applied, and as many records of the ledger, by whichever start. It is empty if
// nothing does: then whoever else ran on a copy was let in there for nothing that this directory
// lacks. A line without that start proves nothing, and does not continue it.
func Continues(line []Start, seen Statement) string {
	at := slices.IndexFunc(line, func(o Start) bool { return o.Boot >= seen.Boot })
	switch {
	case at < 0:
		return fmt.Sprintf("start number %d was let in last, and this directory has not come that far: it is the older one",
			seen.Boot)
	case line[at].Boot != seen.Boot:
		return fmt.Sprintf("start number %d was let in last, and this directory has no note of it", seen.Boot)
	}
	return undone(line, seen)
}
