package drill

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/rpc"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
)

// The kinds of messages that a program must have shown.
const (
	leads    = "echoes of its own proposals"
	echoes   = "echoes of the other's proposals"
	votes    = "votes for a proposal"
	skips    = "votes against a round"
	anything = "anything"
	nothing  = ""
)

const sentUnwritten = "it sent its %v, which was not written"

// grant is a message that was granted.
type grant struct {
	kind    string
	at      time.Time
	arrived bool
	timed   bool // the two were connected, so that it says something how long it took to arrive
}

// Oracle answers the gate in the cosigners' place: it holds, grants and refuses.
type Oracle struct {
	listener *listener
	broken   func(error) // is called with what the program may not do

	mu      sync.Mutex
	refuse  string                   // which kind is refused
	refused chan content             // gets what was
	since   time.Time                // when the two were last parted, or not connected yet
	near    bool                     // something granted since has arrived, so messages do
	held    map[string]time.Duration // by kind, for how long one was held at most
	granted map[content]*grant
	slots   map[content]casper.Hash // by content without value
	slowest time.Duration
}

func newOracle(l *listener, broken func(error)) *Oracle {
	return &Oracle{listener: l, broken: broken, refused: make(chan content, 1), held: map[string]time.Duration{},
		granted: map[content]*grant{}, slots: map[content]casper.Hash{}}
}

// serve has gates' processes ask on that socket until it is closed.
func (o *Oracle) serve(socket string) (io.Closer, error) {
	server := rpc.NewServer()
	if err := server.RegisterName("Oracle", asked{o}); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(c)
		}
	}()
	return l, nil
}

// asked is what a gate's process may call.
type asked struct{ o *Oracle }

// Claim returns nil if the message is granted.
func (a asked) Claim(own casper.Ballot, _ *struct{}) error {
	err := a.o.claim(own)
	var v *Violation
	if errors.As(err, &v) {
		a.o.broken(err)
	}
	return err
}

func (o *Oracle) claim(own casper.Ballot) error {
	c := contentOf(own)
	if err := o.listener.look(); err != nil {
		return err
	}
	kind := o.kindOf(c)
	o.mu.Lock()
	refuse := o.refuse == kind || o.refuse == anything
	hold := time.Duration(0)
	if !refuse && o.near && !o.heldEnough(kind) {
		hold = max(holdFor, holdSlower*o.slowest)
	}
	o.mu.Unlock()
	if refuse {
		return o.deny(c)
	}
	if hold > 0 {
		o.untimed()
		time.Sleep(hold)
		o.untimed()
		if err := o.listener.look(); err != nil {
			return err
		}
	}
	return o.allow(c, kind, hold)
}

// heldEnough reports whether one of a kind was held for so long that it would have arrived if it
// had been sent. The lock is the caller's.
func (o *Oracle) heldEnough(kind string) bool {
	return o.held[kind] >= holdFor && o.held[kind] >= 2*o.slowest
}

// untimed has no message that is on its way count for how long that takes: a node sends what it was
// granted only when it has written the next one too.
func (o *Oracle) untimed() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for g := range maps.Values(o.granted) {
		g.timed = false
	}
}

// kindOf tells what a message is. The listener's own echo stands in its file before it sends its
// proposal.
func (o *Oracle) kindOf(c content) string {
	switch {
	case c.Kind == casper.KindVote && c.Value[0] == 1:
		return votes
	case c.Kind == casper.KindVote:
		return skips
	case o.listener.said(c):
		return echoes
	}
	return leads
}

// deny refuses one, and all that comes until the refusal is lifted.
func (o *Oracle) deny(c content) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse != anything {
		o.refuse = anything
		o.refused <- c
	}
	return fmt.Errorf("the drill refuses %v", c)
}

// allow grants one, unless it has arrived before.
func (o *Oracle) allow(c content, kind string, held time.Duration) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	slot := c
	slot.Value = casper.Hash{}
	if value, taken := o.slots[slot]; taken && value != c.Value {
		return &Violation{fmt.Sprintf("it wants a second content for the %v", c)}
	} else if taken {
		return nil
	}
	if o.listener.has(c) {
		return &Violation{fmt.Sprintf(sentUnwritten, c)}
	}
	o.held[kind] = max(o.held[kind], held)
	o.slots[slot] = c.Value
	o.granted[c] = &grant{kind: kind, at: time.Now(), timed: o.near}
	return nil
}

// check looks what has arrived, and whether all of it was granted.
func (o *Oracle) check() error {
	if err := o.listener.look(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.listener.all() {
		g := o.granted[c]
		switch {
		case g == nil:
			return &Violation{fmt.Sprintf(sentUnwritten, c)}
		case !g.arrived:
			g.arrived = true
			o.near = o.near || g.at.After(o.since)
			if g.timed {
				o.slowest = max(o.slowest, time.Since(g.at))
			}
		}
	}
	return nil
}

// turn has messages of a kind refused, or nothing.
func (o *Oracle) turn(refuse string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refuse = refuse
}

// part notes that messages do not arrive at once any more, until one did again.
func (o *Oracle) part() {
	o.untimed()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since, o.near = time.Now(), false
}

// connected reports whether what is granted arrives.
func (o *Oracle) connected() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.near
}

// shown reports whether messages of these kinds were held, granted and arrived.
func (o *Oracle) shown(kinds ...string) bool {
	_, arrived := o.counts()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range kinds {
		if arrived[k] == 0 || !o.heldEnough(k) {
			return false
		}
	}
	return true
}

// counts tells how many messages of each kind were granted, and how many of these arrived.
func (o *Oracle) counts() (granted, arrived map[string]int) {
	granted, arrived = map[string]int{}, map[string]int{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for g := range maps.Values(o.granted) {
		granted[g.kind]++
		if g.arrived {
			arrived[g.kind]++
		}
	}
	return granted, arrived
}

// slow returns the longest time from a grant to its arrival.
func (o *Oracle) slow() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.slowest
}
