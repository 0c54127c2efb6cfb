package gate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"casper-cosigner/rule/failover"
	"casper-cosigner/stock/journal"
)

// Control is where Linux shows FUSE connections and lets them be aborted.
const Control = "/sys/fs/fuse/connections"

// Watch sees from outside whether a gate still stands: whether it answers, and whether it refuses.
// It must run in a process of its own.
//
// A gate that does not answer keeps the node's reactor waiting in a write, and the node signs no
// block. Its connection is aborted: the node's write fails, it votes no more in that era, and signs
// blocks on. So is that of a gate that is not in the way of what is written.
type Watch struct {
	UnitFiles string
	Interval  time.Duration // between two looks
	Patience  time.Duration // a gate that takes longer to answer hangs
	// Tell must tell the node's agent what is seen. The watch does not wait for it. Nil: nobody is
	// told.
	Tell func(ctx context.Context, s failover.GateSight) error
	Log  zerolog.Logger

	point  string
	now    *mount          // what was seen last; the zero mount is none, nil that nobody looked yet
	dead   bool            // it was told that this one does not stand any more
	ended  bool            // its process is seen to be gone
	tested map[string]bool // files of it that were written to, or are being
	bypass chan string     // files that took what must be refused
	sight  sighted
}

// state is what a look found.
type state int

const (
	stands  state = iota
	open          // something was written that must be refused
	ended         // it is not there any more
	unknown       // something else failed
)

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	point, err := pointOf(w.UnitFiles)
	if err != nil {
		return err
	}
	w.point, w.bypass = point, make(chan string, 1)
	if err := mountControl(); err != nil {
		return err
	}
	w.Log.Info().Str("unit_files", point).Dur("patience", w.Patience).Msg("watching the gate")
	if w.sight.news = make(chan struct{}, 1); w.Tell != nil {
		telling := make(chan struct{})
		go func() {
			w.tell(ctx)
			close(telling)
		}()
		defer func() { <-telling }()
	}
	tick := time.NewTicker(w.Interval)
	defer tick.Stop()
	for {
		if err := w.look(ctx); err != nil {
			w.Log.Error().Err(err).Msg("looking at the gate")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case name := <-w.bypass:
			w.abort(failover.GatePasses, "writes into "+name+" pass by the gate")
		}
	}
}

func mountControl() error {
	if _, err := os.Stat(Control); err != nil {
		return fmt.Errorf("this kernel has no FUSE: %w", err)
	}
	at, err := mountsAt(Control)
	if err != nil || len(at) > 0 {
		return err
	}
	if err := unix.Mount("fusectl", Control, "fusectl", 0, ""); err != nil {
		return fmt.Errorf("mounting fusectl: %w", err)
	}
	return nil
}

// look is one look. What the kernel says of mounts is asked first: it never hangs.
func (w *Watch) look(ctx context.Context) error {
	at, err := mountsAt(w.point)
	if err != nil {
		return err
	}
	top := mount{}
	if n := len(at); n > 0 && at[n-1].fsType == fsType {
		top = at[n-1]
	}
	if w.now == nil || top != *w.now {
		w.now, w.tested, w.dead, w.ended = &top, map[string]bool{}, false, false
		if top == (mount{}) {
			w.sight.sees(failover.GateGone)
			w.Log.Error().Msg("no gate stands: a node that starts now does not vote")
			return nil
		}
		w.Log.Info().Int("connection", top.minor).Msg("a gate stands")
	}
	if top == (mount{}) {
		return nil
	}
	seen := make(chan sight, 1)
	go func() { seen <- see(w.point) }()
	s, answered := await(ctx, seen, w.Patience)
	switch {
	case !answered && ctx.Err() == nil:
		w.abort(failover.GateHangs, "the gate does not answer")
	case s.state == open:
		w.abort(failover.GatePasses, "the gate takes what must be refused")
	case s.state == ended && w.dead:
		w.ended = true
	case s.state == ended:
		w.dead, w.ended = true, true
		w.sight.sees(failover.GateGone)
		w.Log.Error().Msg("the gate has ended under its node, which votes no more until both are started again")
	case s.state == unknown:
		return s.err
	case s.state == stands && w.ended:
		// The next gate, which came between two looks: the kernel gives the number of the one that is
		// gone to the next, so the two mounts look the same.
		w.now = &mount{}
		return nil
	case s.state == stands && !w.dead:
		w.sight.sees(failover.GateStands)
		w.Log.Debug().Msg("it answers")
	}
	for _, name := range s.files {
		w.test(name)
	}
	return nil
}

// await waits in small steps, so that a host that stood still does not count as one that waited.
func await(ctx context.Context, seen <-chan sight, patience time.Duration) (s sight, answered bool) {
	const steps = 20
	for range steps {
		select {
		case s := <-seen:
			return s, true
		case <-ctx.Done():
			return sight{}, false
		case <-time.After(patience / steps):
		}
	}
	return sight{state: unknown}, false
}

// sight is what a look at the file system found.
type sight struct {
	state state
	err   error
	files []string
}

// see writes to the probe, and lists the files.
func see(point string) sight {
	s, err := try(filepath.Join(point, ProbeName))
	if s != stands {
		return sight{state: s, err: err}
	}
	entries, err := os.ReadDir(point)
	if err != nil {
		return sight{state: unknown, err: err}
	}
	all := sight{state: stands}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "unit_") {
			all.files = append(all.files, e.Name())
		}
	}
	return all
}

// try writes what must be refused.
func try(path string) (state, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	if err != nil {
		return stateOf(err), err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	if _, err = unix.Write(fd, journal.Probe()); err == nil {
		return open, nil
	}
	return stateOf(err), err
}

func stateOf(err error) state {
	switch {
	case errors.Is(err, syscall.EIO):
		return stands
	case errors.Is(err, syscall.ENOTCONN), errors.Is(err, syscall.ECONNABORTED):
		return ended
	}
	return unknown
}

// test writes what must be refused into a unit file that was not there before. It may have to wait
// for the node's own write, which may wait to be granted, so how long it takes says nothing.
func (w *Watch) test(name string) {
	if w.tested[name] {
		return
	}
	w.tested[name] = true
	path, bypass := filepath.Join(w.point, name), w.bypass
	go func() {
		if s, _ := try(path); s == open {
			bypass <- name
		}
	}()
}

// abort ends the gate's connections, that of the key file too: whoever waits for it gets an error.
// What was seen of this gate is told for as long as it is there, though it does not stand any more.
func (w *Watch) abort(seen failover.GateSight, why string) {
	w.sight.sees(seen)
	all, err := mounts()
	for _, m := range all {
		if m.fsType == fsType && m.source == w.now.source {
			path := filepath.Join(Control, strconv.Itoa(m.minor), "abort")
			err = errors.Join(err, os.WriteFile(path, []byte("1"), 0))
		}
	}
	w.dead = err == nil
	w.Log.Error().Err(err).Str("why", why).Msg("the gate is aborted: the node votes no more in this era and signs " +
		"blocks on; restart the gate, then the node")
}
