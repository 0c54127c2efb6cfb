package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/stock/units"
)

const (
	readIn        = 5 * time.Second // so long a fault waits to be told for its evidence
	evidenceEvery = time.Minute     // how often evidence that was not read is looked for again
	unitFiles     = 4               // newest ones that are read; casper-node votes in one, and keeps one for evidence
	unitFileSize  = 1 << 30         // bytes; an era of two hours and a hundred validators has some ten million
	knownEras     = 4               // newest eras whose instance is known by the node's own requests
)

// eraName is the instance of an era in which the node asked for signatures.
type eraName struct {
	era      uint64
	instance casper.Hash
}

// named notes the instance of the message's era.
func (a *account) named(m casper.Message) {
	b, ok := casper.BallotOf(m)
	if !ok || slices.ContainsFunc(a.eras[:], func(n eraName) bool { return n.instance == b.Instance }) {
		return
	}
	s, _ := casper.SlotOf(m)
	copy(a.eras[1:], a.eras[:])
	a.eras[0] = eraName{era: s.Era, instance: b.Instance}
}

// another returns whether the instance is known to be of another era.
func (a *account) another(instance casper.Hash, era uint64) bool {
	return slices.ContainsFunc(a.eras[:], func(n eraName) bool { return n.instance == instance && n.era != era })
}

// noteFault notes that the node tells of a fault of our validator. It is told with its evidence,
// which casper-node writes before it tells, unless that takes too long to read.
func (w *Watcher) noteFault(ctx context.Context, era uint64) {
	w.mu.Lock()
	known := !w.node.Fault.IsZero() && era <= w.node.FaultEra
	w.mu.Unlock()
	if known {
		return
	}
	found := w.evidence(ctx, era)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.node.Accuses(era, w.Now())
	w.node.Evidence = found
	w.Logger.Error().Uint64("era", era).Stringer("first", found.Ballots[0]).Stringer("second", found.Ballots[1]).
		Str("unread", found.Error).
		Msg("the node tells that our validator signed two values for one slot: see `casper-cosigner failover fault show`")
}

// watchEvidence looks again for evidence that was not there, or not read.
func (w *Watcher) watchEvidence(ctx context.Context) {
	if _, err := os.ReadDir(w.UnitFiles); err != nil {
		w.Logger.Warn().Err(err).Msg("the node's unit files cannot be read, so that nobody could look into a fault; " +
			"see unit_files in docs/operating.md")
	}
	tick := time.NewTicker(evidenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		era, missing := w.node.FaultEra, !w.node.Fault.IsZero() && w.node.Evidence.Ballots[0] == casper.Ballot{}
		w.mu.Unlock()
		if !missing {
			continue
		}
		found := w.evidence(ctx, era)
		w.mu.Lock()
		if w.node.FaultEra == era {
			w.node.Evidence = found
		}
		w.mu.Unlock()
	}
}

// evidence reads what the node holds for the proof of a fault in that era. A disk may hang: then
// its reader is left to it, and nobody else reads until it is back.
func (w *Watcher) evidence(ctx context.Context, era uint64) failover.Evidence {
	switch {
	case w.UnitFiles == "":
		return failover.Evidence{Error: "unit_files is not set in agent.toml, so nobody can look into it"}
	case !w.reading.CompareAndSwap(false, true):
		return failover.Evidence{Error: "the unit files are still being read; does the disk hang?"}
	}
	answer := make(chan failover.Evidence, 1)
	go func() {
		defer w.reading.Store(false)
		found, err := w.findEvidence(ctx, era)
		if err != nil {
			found.Error = printable(err.Error(), errorSize)
		}
		answer <- found
	}()
	late := time.NewTimer(readIn)
	defer late.Stop()
	select {
	case found := <-answer:
		return found
	case <-late.C:
		return failover.Evidence{Error: fmt.Sprintf("reading the unit files takes longer than %v", readIn)}
	}
}

// unitFile is one of the node's unit files.
type unitFile struct {
	path     string
	instance casper.Hash
	written  time.Time
}

// findEvidence looks through the newest unit files, but those that are known to be of another era.
func (w *Watcher) findEvidence(ctx context.Context, era uint64) (failover.Evidence, error) {
	files, err := listUnits(w.UnitFiles, w.Validator)
	if err != nil {
		return failover.Evidence{}, err
	}
	var faults []error
	for _, f := range files[:min(len(files), unitFiles)] {
		w.mu.Lock()
		another := w.node.another(f.instance, era)
		w.mu.Unlock()
		if another {
			continue
		}
		found, err := readEvidence(ctx, f, w.Validator)
		if found.Ballots[0] != (casper.Ballot{}) {
			return found, nil
		}
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return failover.Evidence{}, err
	}
	return failover.Evidence{}, fmt.Errorf("no evidence against our key in %d unit files of %s", len(files), w.UnitFiles)
}

// listUnits returns the validator's unit files, newest first.
func listUnits(folder string, validator casper.PublicKey) (files []unitFile, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("listing the unit files: %w", err)
	}
	for _, e := range entries {
		instance, key, err := units.ParseName(e.Name())
		if err != nil || key != validator.String() || !e.Type().IsRegular() { // reading a pipe may never end
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it is gone
		}
		files = append(files, unitFile{filepath.Join(folder, e.Name()), instance, info.ModTime()})
	}
	slices.SortFunc(files, func(a, b unitFile) int {
		return cmp.Or(b.written.Compare(a.written), cmp.Compare(a.path, b.path))
	})
	return files, nil
}

// readEvidence returns the first evidence in the file that names our key by its signature. Of a
// damaged file what stands before the damage counts.
func readEvidence(ctx context.Context, file unitFile, validator casper.PublicKey) (found failover.Evidence, err error) {
	f, err := os.Open(file.path)
	if err != nil {
		return found, fmt.Errorf("reading a unit file: %w", err)
	}
	defer f.Close()
	r := units.NewReader(io.LimitReader(f, unitFileSize))
	for {
		e, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return found, fmt.Errorf("reading %s: %w", file.path, err)
		case ctx.Err() != nil:
			return found, ctx.Err()
		case e.Kind != units.Evidence:
			continue
		}
		first, ours := place(e.First, file.instance, validator)
		second, too := place(e.Second, file.instance, validator)
		if ours || too {
			return failover.Evidence{Ballots: [2]casper.Ballot{first, second}}, nil
		}
	}
}

// place returns a message of a piece of evidence with the instance under which our key signed it,
// and whether it did. The file names one instance for both messages. Where a peer had the node take
// a message of another era for one of this era, that is right for one of them only, and the other
// is of the file's own era.
func place(m units.Message, instance casper.Hash, validator casper.PublicKey) (b casper.Ballot, ours bool) {
	if m.SignedBy(validator) {
		return m.Ballot, true
	}
	moved := m
	if moved.Instance = instance; moved.SignedBy(validator) {
		return moved.Ballot, true
	}
	return m.Ballot, false
}
