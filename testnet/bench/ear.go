package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casper-cosigner/testnet"
)

// told is a change of mode or roles, as the first cosigner that had applied it told its hook.
type told struct {
	testnet.Change
	heard time.Time // at most a tenth of a second after that: a cosigner looks for changes so often
}

// ear is the hook of all cosigners. It hears of changes without asking, which would cost time of
// the machine. It is safe for concurrent use.
type ear struct {
	server http.Server
	url    string
	closed chan struct{}

	mu    sync.Mutex // guards what follows
	all   []told
	fresh chan struct{} // closed when there is another
}

func openEar() (*ear, error) {
	l, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("listening to the cosigners' hooks: %w", err)
	}
	e := &ear{url: "http://" + l.Addr().String(), closed: make(chan struct{}), fresh: make(chan struct{})}
	e.server.Handler = e
	go func() {
		defer close(e.closed)
		e.server.Serve(l) //nolint:errcheck // ended by close
	}()
	return e, nil
}

func (e *ear) close() {
	e.server.Close()
	<-e.closed
}

// ServeHTTP takes what a hook tells, if it is the first to.
func (e *ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := told{heard: time.Now()}
	if err := json.NewDecoder(r.Body).Decode(&t.Change); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, old := range e.all {
		if old.Epoch == t.Epoch {
			return
		}
	}
	e.all = append(e.all, t)
	close(e.fresh)
	e.fresh = make(chan struct{})
}

// changes returns what was heard, and a channel that is closed when there is more.
func (e *ear) changes() ([]told, <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all, e.fresh
}

// await waits until a node was made active later than a time.
func (e *ear) await(ctx context.Context, node string, after time.Time) (told, error) {
	for {
		all, fresh := e.changes()
		for _, t := range all {
			if t.What == "activate" && t.Subject == node && t.heard.After(after) {
				return t, nil
			}
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return told{}, fmt.Errorf("waiting for %s to be made active: %w", node, ctx.Err())
		}
	}
}

// active is the node that was made active last, main at first.
func (e *ear) active() string {
	active := testnet.Main
	all, _ := e.changes()
	for _, t := range all {
		if t.What == "activate" {
			active = t.Subject
		}
	}
	return active
}

// hook has a cosigner tell the ear, once it is started.
func (e *ear) hook(c *testnet.Cluster, cosigner string) error {
	f, err := os.OpenFile(filepath.Join(c.Dir, cosigner, "cosigner.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("setting the hook of %s: %w", cosigner, err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "hook = ['%s']\n", e.url); err != nil {
		return fmt.Errorf("setting the hook of %s: %w", cosigner, err)
	}
	return nil
}
