// Package health watches one casper-node from outside: what it says at /status and /events, what it
// asks the cosigners for, and whether a secret key of the validator was left beside it.
//
// It promises: at most one request to /status at a time, however long the node hangs; no answer of
// a node, however long or malformed, takes more than about a megabyte or ends the watch; a fault of
// our validator, once told, is told until the process ends; ages are measured by the monotonic
// clock. What it has not heard it does not guess.
//
// It leaves to others: what all of it means (rule/failover judges), and to carry it there (the
// agent's pings).
package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
	"casper-cosigner/rule/wire"
)

// How a node is watched.
const (
	statusEvery = time.Second      // a production node answers 10 requests a second, to all that ask
	statusIn    = 2 * time.Second  // without an answer for so long, the node is told to hang
	statusKept  = 30 * time.Second // and the request is left open, since each new one would wait in the node's queue
	statusSize  = 1 << 20          // bytes; an answer with 1,000 peers has a tenth
	silence     = time.Minute      // after which a stream is taken for dead: casper-node sends something each 15 s
	eventSize   = 1 << 20          // bytes; the last block of an era of 100 validators has some ten thousand
	retryFirst  = 500 * time.Millisecond
	retryMost   = 8 * time.Second
	keysEvery   = time.Minute
)

// Config is what a Watcher is made of. What is empty is not watched.
type Config struct {
	REST      string           // base URL of casper-node's REST server, such as http://127.0.0.1:8888
	Events    string           // base URL of its event stream server, such as http://127.0.0.1:9999
	Validator casper.PublicKey // whose faults and secret keys are looked for
	KeyFiles  []string         // globs (path/filepath.Match) of files in which a secret key may have been left
	UnitFiles string           // folder of casper-node's unit files, where the evidence of a fault is
	Stock     bool             // the node signs by itself, behind a gate
	// Took is how long a stock node needed after a start when that was last measured; zero: never.
	// Measured is told each time, and must not block for long. Nil: nobody wants to know.
	Took     time.Duration
	Measured func(time.Duration)
	// Undrilled tells which of the node's programs would get no key. Nil: none needs one.
	Undrilled func() string
	// Unknown tells why messages of the node cannot be claimed. It must not block. Nil: nobody knows.
	Unknown func(time.Time) string
	// Told is told each answer of /status, and Ended each end of an era that the node tells, some more
	// than once. They must not block. Nil: nobody wants to know.
	Told   func(Status)
	Ended  func(EraEnd)
	Logger zerolog.Logger
	Now    func() time.Time // must keep its monotonic reading
}

// Validate returns every fault of the configuration, joined.
func (c Config) Validate() error {
	var faults []error
	for _, base := range []string{c.REST, c.Events} {
		u, err := url.Parse(base)
		switch {
		case base == "":
		case err != nil:
			faults = append(faults, err)
		case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.RawQuery != "", u.Fragment != "":
			faults = append(faults, fmt.Errorf("%q is not a base URL such as http://127.0.0.1:8888", base))
		}
	}
	for _, glob := range c.KeyFiles {
		if err := checkGlob(glob); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// Watcher watches one node. New makes one; Run watches. It is safe for concurrent use.
type Watcher struct {
	Config
	client  *http.Client
	reading atomic.Bool // the unit files are being read

	mu   sync.Mutex // guards what follows
	node account
}

// New returns a Watcher.
func New(c Config) *Watcher {
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: statusIn}).DialContext, MaxIdleConns: 2,
		IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}
	follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w := &Watcher{Config: c, client: &http.Client{Transport: transport, CheckRedirect: follow}}
	w.node.stock, w.node.Gate.Took = c.Stock, c.Took
	if c.Events == "" {
		w.node.EventsError = "they are not watched: no event server is set"
	}
	return w
}

// Run watches until ctx ends, which is no error. It fails at once on a configuration that
// Validate refuses.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.Validate(); err != nil {
		return fmt.Errorf("watching the node: %w", err)
	}
	defer w.client.CloseIdleConnections()
	var running sync.WaitGroup
	if w.REST != "" {
		running.Go(func() { w.watchStatus(ctx) })
	}
	if w.Events != "" {
		running.Go(func() { w.watchEvents(ctx) })
	}
	if w.UnitFiles != "" {
		running.Go(func() { w.watchEvidence(ctx) })
	}
	if len(w.KeyFiles) > 0 {
		running.Go(func() { w.watchKeys(ctx) })
	}
	if w.Undrilled != nil {
		running.Go(func() { w.watchPrograms(ctx) })
	}
	<-ctx.Done()
	running.Wait()
	return nil
}

// Asked notes a request of the node for a valid message, once its end is known, and the answer:
// a refusal is one too, and nil is none. A request that the node itself gave up is not to be
// noted as unanswered.
func (w *Watcher) Asked(m casper.Message, answer *cosignerv1.SignResponse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.node.asked(m, answer, w.Now())
}

// Node returns all that is known.
func (w *Watcher) Node() failover.Node {
	unknown := ""
	if w.Unknown != nil {
		unknown = printable(w.Unknown(w.Now()), errorSize)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.node.Node
	n.Unknown = unknown
	return n
}

// Health returns all that is known, with ages instead of times.
func (w *Watcher) Health(now time.Time) *cosignerv1.NodeHealth { return wire.Health(w.Node(), now) }

func (w *Watcher) watchStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		w.askStatus(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// askStatus asks for the status once. A node that hangs keeps its one request, and its answer
// counts whenever it comes.
func (w *Watcher) askStatus(ctx context.Context) {
	var status Status
	asked := w.Now()
	answer := make(chan error, 1)
	go func() {
		var err error
		status, err = w.status(ctx)
		answer <- err
	}()
	late := time.NewTimer(statusIn)
	defer late.Stop()
	for {
		select {
		case err := <-answer:
			if ctx.Err() == nil {
				w.noteStatus(status, asked, err)
			}
			return
		case <-late.C:
			w.noteStatus(Status{}, asked, fmt.Errorf("asking /status: no answer within %v", statusIn))
		}
	}
}

func (w *Watcher) status(ctx context.Context) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusKept)
	defer cancel()
	response, err := w.get(ctx, w.REST, "/status")
	if err != nil {
		return Status{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, statusSize+1))
	switch {
	case err != nil:
		return Status{}, fmt.Errorf("asking /status: %w", err)
	case len(text) > statusSize:
		return Status{}, fmt.Errorf("asking /status: the answer has more than %d bytes", statusSize)
	}
	return ParseStatus(text)
}

// noteStatus notes an attempt that began then. The log tells only when the answers begin to fail,
// and when they come again.
func (w *Watcher) noteStatus(s Status, asked time.Time, err error) {
	if err == nil && w.Told != nil {
		w.Told(s)
	}
	var took time.Duration
	defer func() {
		if took > 0 && w.Measured != nil {
			w.Measured(took)
		}
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	failed, first := w.node.Status.Error != "", w.node.Status.At.IsZero()
	switch {
	case err != nil:
		w.node.Status.Error = printable(err.Error(), errorSize)
		if !failed {
			w.Logger.Warn().Err(err).Msg("the node does not tell its status")
		}
	default:
		was := w.node.Gate.Took
		if w.node.answered(s, asked, w.Now()); w.node.Gate.Took != was {
			took = w.node.Gate.Took
		}
		if failed || first {
			w.Logger.Info().Str("state", s.State).Str("build", s.Build).Msg("the node tells its status")
		}
	}
}

// get asks for base/path and returns a good answer, whose body the caller closes.
func (w *Watcher) get(ctx context.Context, base, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	response, err := w.client.Do(request)
	var outer *url.Error // repeats the URL
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("asking %s: %s", path, response.Status)
	}
	return response, nil
}
