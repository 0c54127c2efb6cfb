package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// watchEvents follows the node's events, and connects again whenever the stream ends: soon if it
// lasted, later each time if it did not, since every stream begins with a lot to read.
func (w *Watcher) watchEvents(ctx context.Context) {
	wait, told := retryFirst, false
	for {
		begun := w.Now()
		heard, err := w.followEvents(ctx)
		if ctx.Err() != nil {
			return
		}
		if w.Now().Sub(begun) > retryMost {
			wait = retryFirst
		}
		w.noteEvents(err)
		if heard || !told {
			w.Logger.Warn().Err(err).Msg("the node's events are not heard, so no fault of our validator would be noticed; " +
				"asking again")
			told = true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		wait = min(2*wait, retryMost)
	}
}

// followEvents follows one stream to its end, and reports whether it was a casper-node's. It begins
// with all events that the node still holds, so that no fault is missed while the stream is down; a
// number to begin with would be of no use, since a killed node counts its events from an older one
// (casper-node event_indexer.rs).
func (w *Watcher) followEvents(ctx context.Context) (heard bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := time.AfterFunc(silence, func() { cancel(errSilent) })
	defer alive.Stop()
	defer func() {
		if errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
	}()
	response, err := w.get(ctx, w.Events, "/events?start_from=0")
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	stream := listened{response.Body, func() { alive.Reset(silence) }}
	err = ReadMessages(stream, eventSize, func(m Message) error {
		e, err := parseEvent(m.Data)
		if err != nil {
			w.Logger.Error().Err(err).Msg("an event of the node cannot be read; it may be a fault of our validator")
			return nil
		}
		if e.version != "" {
			heard = true
			w.noteEvents(nil)
			w.Logger.Info().Str("protocol", e.version).Msg("following the node's events")
		}
		w.noteEvent(ctx, e)
		if f, ok := finalOf(m.Data, w.Validator); ok {
			w.mu.Lock()
			w.node.Sees(f)
			w.mu.Unlock()
		}
		return nil
	})
	if err == nil {
		err = errors.New("the stream has ended")
	}
	return heard, err
}

// errSilent is a stream of which nothing comes any more, not even what keeps it alive. Its other
// end may be long gone without a word.
var errSilent = fmt.Errorf("nothing came for %v, and casper-node sends something each 15 s", silence)

// listened is a stream that calls heard whenever something comes.
type listened struct {
	io.Reader
	heard func()
}

// Read reads.
func (l listened) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.heard()
	}
	return n, err
}

// noteEvents notes why the events are not heard, nil if they are.
func (w *Watcher) noteEvents(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.node.EventsError = ""; err != nil {
		w.node.EventsError = printable(err.Error(), errorSize)
	}
}

func (w *Watcher) noteEvent(ctx context.Context, e event) {
	if e.shutdown {
		w.mu.Lock()
		w.node.Shutdown = w.Now()
		w.mu.Unlock()
		w.Logger.Info().Msg("the node shuts down")
	}
	if e.fault != nil && strings.EqualFold(e.fault.Validator, w.Validator.String()) {
		w.noteFault(ctx, e.fault.Era)
	}
	if e.ended != nil && w.Ended != nil {
		w.Ended(*e.ended)
	}
}
