package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// node is a casper-node that answers as told, without a network, so that it can live in
// virtual time.
type node struct {
	events func(context.Context) (io.ReadCloser, error)

	mu     sync.Mutex
	status func(context.Context) (int, string, error)
	counts
}

// counts is what a node was asked so far.
type counts struct {
	statuses, streams int
	open, most        int // requests to /status that are not answered yet, and the most ever
}

// says changes what the node answers to /status.
func (n *node) says(status func(context.Context) (int, string, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.status = status
}

func (n *node) asked() counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.counts
}

func (n *node) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.URL.String() {
	case "http://node:8888/status":
		status := n.begin()
		defer n.end()
		code, text, err := status(r.Context())
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: code, Status: fmt.Sprint(code),
			Header: http.Header{"Location": {"http://elsewhere/"}}, Body: io.NopCloser(strings.NewReader(text))}, nil
	case "http://node:9999/events?start_from=0":
		n.mu.Lock()
		n.streams++
		n.mu.Unlock()
		body, err := n.events(r.Context())
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	}
	return nil, fmt.Errorf("asked for %v", r.URL)
}

func (n *node) begin() func(context.Context) (int, string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.statuses++
	n.open++
	n.most = max(n.most, n.open)
	return n.status
}

func (n *node) end() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open--
}

// rig is a Watcher of a node in a bubble of virtual time.
type rig struct {
	*Watcher
	node *node
	log  *bytes.Buffer
}

// watch runs a Watcher in a bubble for the length of the test.
func watch(t *testing.T, c Config, n *node) *rig {
	t.Helper()
	r := &rig{node: n, log: &bytes.Buffer{}}
	c.Logger, c.Now = zerolog.New(r.log), time.Now
	r.Watcher = New(c)
	r.client.Transport = n
	ctx, cancel := context.WithCancel(context.Background()) // the test's own ends before its clean-up
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		if len(done) > 0 {
			t.Error("Run ended before its context")
		}
		synctest.Wait()
		before := r.log.Len()
		cancel()
		if err := <-done; err != nil || r.log.Len() > before {
			t.Errorf("Run ended with %v, log:\n%s", err, r.log)
		}
	})
	return r
}

// after lets the time pass, and all that is due then happen.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// told is how often the log says so.
func (r *rig) told(what string) int { return strings.Count(r.log.String(), what) }

func good(t *testing.T) func(context.Context) (int, string, error) {
	text := string(answer(t, "", ""))
	return func(context.Context) (int, string, error) { return http.StatusOK, text, nil }
}

var errRefused = errors.New("connection refused")

func refused(context.Context) (int, string, error) { return 0, "", errRefused }
