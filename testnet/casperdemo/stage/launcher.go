package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/localnet"
)

// knownBug is what casper-node 2.0.3 logs when it ends with 101 over and over, until the next era:
// the first blocks of an era cite finality signatures of the one before, whose validators a node
// forgot that was restarted meanwhile (block_validator.rs). In a chain's first era there is none
// before. Our edits mend it, and 2.2.1 has it mended.
const knownBug = "couldn't get validators for era"

// Launcher stands in for what runs stock nodes on their hosts. It starts a node again that ended by
// itself, and restarts one when its agent says so, which leaves a file for that.
type Launcher struct {
	nodes []*localnet.Node
	order func(node string) string // the file

	mu   sync.Mutex  // held while a node is started: an act may want to at the same time
	told []string    // what it did, and nobody has heard of yet
	bugs []time.Time // when a node ended by the known bug
}

// order is the file by which an agent has its node restarted.
func (s *Stage) order(node string) string { return filepath.Join(s.Dir, "restart-"+node) }

// run looks after the nodes until ctx ends; what it starts ends with started.
func (l *Launcher) run(ctx, started context.Context) error {
	for {
		for _, n := range l.nodes {
			if err := l.look(started, n); err != nil {
				return err
			}
		}
		if testnet.Pause(ctx, pollEvery) != nil {
			return nil
		}
	}
}

func (l *Launcher) look(ctx context.Context, n *localnet.Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch err := os.Remove(l.order(n.Name)); {
	case err == nil:
		l.say(n.Name + " was restarted by order of the cosigners")
		return n.Restart(ctx)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("looking for an order: %w", err)
	}
	exits := n.Exits()
	if n.Running() || len(exits) == 0 || exits[len(exits)-1].Wanted {
		return nil
	}
	why := ""
	log, err := os.ReadFile(n.LogFile())
	if err != nil {
		return fmt.Errorf("looking why %s ended: %w", n.Name, err)
	}
	if exits[len(exits)-1].Code == exitPanic && bytes.Contains(log, []byte(knownBug)) {
		why = " (a known bug of casper-node 2.0.3)"
		l.bugs = append(l.bugs, time.Now())
	}
	l.say(fmt.Sprintf("%s ended by itself, %v%s, and was started again", n.Name, exits[len(exits)-1], why))
	return n.Start(ctx)
}

// exitPanic is casper-node's exit code after a panic or a fatal error.
const exitPanic = 101

// Bugs is how often nodes ended by the known bug of casper-node 2.0.3, in a stretch of time.
func (l *Launcher) Bugs(w Window) (n int) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.bugs {
		if w.Holds(at) {
			n++
		}
	}
	return n
}

func (l *Launcher) say(what string) {
	l.told = append(l.told, time.Now().UTC().Format("15:04:05 ")+what)
}

// Restart restarts a node by hand.
func (l *Launcher) Restart(ctx context.Context, n *localnet.Node) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return n.Restart(ctx)
}

// Told lists what it did by itself since it was asked last.
func (l *Launcher) Told() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = nil
	return told
}
