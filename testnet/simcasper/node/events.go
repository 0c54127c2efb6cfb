package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// keepAlive is how often an idle stream gets a comment (casper-node event_stream_server,
// warp's default).
const keepAlive = 15 * time.Second

// eventStream serves /events as casper-node does (event_stream_server/sse_server.rs): the
// protocol's version first, then all events from the number that was asked for, then each as it
// comes. It is safe for concurrent use.
type eventStream struct {
	version string

	mu   sync.Mutex // guards what follows
	all  []string
	over bool
	more chan struct{} // closed when there is another, or no more will come
}

func newEventStream() *eventStream { return &eventStream{more: make(chan struct{})} }

func (e *eventStream) add(event any, last bool) {
	text, err := json.Marshal(event)
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil || e.over {
		return
	}
	e.all, e.over = append(e.all, string(text)), last
	close(e.more)
	e.more = make(chan struct{})
}

// shutdown is the last event of every stream.
func (e *eventStream) shutdown() { e.add("Shutdown", true) }

func (e *eventStream) block(b zug.Block) {
	header := map[string]any{"height": b.Height, "era_id": b.Era, "timestamp": formatTime(time.UnixMilli(b.At))}
	e.add(map[string]any{"BlockAdded": map[string]any{"block_hash": b.Hash,
		"block": map[string]any{"Version2": map[string]any{"hash": b.Hash, "header": header}}}}, false)
}

func (e *eventStream) finality(f casper.Finality, s casper.Signature, key casper.PublicKey) {
	e.add(map[string]any{"FinalitySignature": map[string]any{"V2": map[string]any{"block_hash": f.Block,
		"block_height": f.Height, "era_id": f.Era, "chain_name_hash": f.ChainName, "signature": s, "public_key": key}}},
		false)
}

func (e *eventStream) fault(key casper.PublicKey, era uint64, at time.Time) {
	e.add(map[string]any{"Fault": map[string]any{"era_id": era, "public_key": key, "timestamp": formatTime(at)}}, false)
}

// from returns the events from a number on, whether they are the last, and a channel that
// tells of others.
func (e *eventStream) from(number int) ([]string, bool, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all[min(number, len(e.all)):], e.over, e.more
}

func (e *eventStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/events" {
		http.NotFound(w, r)
		return
	}
	all, _, _ := e.from(0)
	next := len(all)
	if text := r.FormValue("start_from"); text != "" {
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			http.Error(w, "start_from wants a number", http.StatusUnprocessableEntity)
			return
		}
		next = number
	}
	flush := http.NewResponseController(w).Flush
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "data:{\"ApiVersion\":%q}\n\n", e.version)
	for {
		events, over, more := e.from(next)
		for _, text := range events {
			fmt.Fprintf(w, "data:%s\nid:%d\n\n", text, next)
			next++
		}
		if flush() != nil || over {
			return
		}
		idle := time.NewTimer(keepAlive)
		select {
		case <-more:
		case <-idle.C:
			fmt.Fprint(w, ":\n\n")
		case <-r.Context().Done():
			idle.Stop()
			return
		}
		idle.Stop()
	}
}

// shutdownIn is how long streams have to end.
const shutdownIn = time.Second

// serve serves both until ctx ends; then it says Shutdown.
func serve(ctx context.Context, restAt string, rest http.Handler, eventsAt string, events *eventStream) error {
	servers := []*http.Server{{Addr: restAt, Handler: rest}, {Addr: eventsAt, Handler: events}}
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- listenAndServe(s) }()
	}
	var err error
	left := len(servers)
	select {
	case <-ctx.Done():
	case err = <-ended:
		left--
	}
	events.shutdown()
	closing, cancel := context.WithTimeout(context.Background(), shutdownIn)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(closing) != nil {
			s.Close()
		}
	}
	for range left {
		err = errors.Join(err, <-ended)
	}
	return err
}

// listenAndServe serves until the server is shut down, which is no error.
func listenAndServe(s *http.Server) error {
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
