package health

import (
	"context"
	"time"
)

// programsEvery is how often is looked for programs that did not pass the drill. A version is
// staged days before its time.
const programsEvery = time.Minute

// watchPrograms notes which of the node's programs would get no key.
func (w *Watcher) watchPrograms(ctx context.Context) {
	tick := time.NewTicker(programsEvery)
	defer tick.Stop()
	for {
		w.notePrograms(printable(w.Undrilled(), pathSize))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watcher) notePrograms(undrilled string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case undrilled == w.node.Undrilled:
	case undrilled != "":
		w.Logger.Error().Str("undrilled", undrilled).
			Msg("a program that the node's launcher runs, or will, gets no key when it starts; run `casper-cosigner gate drill`")
	default:
		w.Logger.Info().Msg("all programs that the node's launcher runs, or will, passed the drill")
	}
	w.node.Undrilled = undrilled
}
