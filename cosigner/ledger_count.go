package cosigner

import "maps"

// count is how many records a ledger was ever given.
type count struct {
	written uint64
	sure    bool   // as the file was opened: all that were written before are in it, or counted
	file    uint32 // checksum of its header then
}

// recounted is what is added where records may be forgotten that were counted once: more than any
// ledger holds without the count of them, since it is written anew with that by then.
const recounted = 1 << 32

// Written returns how many records were ever made durable here, the header among them, also those
// that were forgotten since. It never falls, over restarts, compactions and resets, as long as the
// file is the one that was left. It is never above what is durable, and includes what a Claim that
// returned nil wrote.
func (l *Ledger) Written() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count.written
}

// File returns a number by which the file, as this process opened it, is told from one that was
// written in its place by a release that does not count; for LedgerConfig.Noted.
func (l *Ledger) File() uint32 { return l.count.file }

// recount lets the count go on above all that it may have been. A release that does not count may
// have run in between, and have written the file anew without what it forgot: then it is not the
// file that was noted. Once it is written with a count no such release takes it any more, so a copy
// that is put back shows the count of when it was made.
func (l *Ledger) recount() error {
	if l.count.sure || l.config.Noted == 0 || l.config.Noted == l.count.file {
		return nil
	}
	l.writing <- struct{}{}
	defer func() { <-l.writing }()
	l.mu.Lock()
	l.count.written += recounted
	h, differing := l.header(), maps.Clone(l.differing)
	l.mu.Unlock()
	h.sealed = uint64(l.index.size + len(differing))
	return l.replaceBy(h, l.live(differing))
}
