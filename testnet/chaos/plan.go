package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"casper-cosigner/testnet"
)

// The kinds of fault.
const (
	kill   = "kill -9"            // one dies, and is started again
	many   = "kill -9 of several" // a majority at once, or all
	term   = "SIGTERM"            // one ends, and is started again
	full   = "full disk"          // the disk of one takes no more, in the middle of a write
	halt   = "SIGSTOP"            // one stands still, and goes on with whatever it was about
	cut    = "partition"          // nothing passes; afterwards what waited arrives, or the connections are broken
	oneWay = "one-way partition"  // the same for the calls of one to another, not for those back
	delay  = "delay"              // every byte is late
	sever  = "broken links"       // connections break
	mode   = "mode"               // an operator changes the mode
	chosen = "promote"            // an operator makes a node active, ready or not
)

// deck is how often each kind comes up, among as many faults as there are cards.
func deck() []string {
	return []string{kill, kill, kill, kill, kill, many, term, full, full, halt, halt, halt, halt,
		cut, cut, cut, cut, oneWay, delay, delay, sever, mode, mode, chosen}
}

// leading stands for whoever leads when the fault begins.
const leading = "the leader"

// fault is one thing that goes wrong.
type fault struct {
	at, last time.Duration // since the run began; how long until it is undone
	kind     string
	who      []string // processes or members; for a mode its name
	late     time.Duration
	broken   bool  // when the cut is mended the connections are broken
	part     int64 // of a full disk's largest file, in percent, that it still takes
}

func (f fault) String() string {
	text := f.kind + " of " + strings.Join(f.who, " and ")
	switch {
	case f.kind == oneWay:
		text = fmt.Sprintf("%s, %s calls %s", f.kind, f.who[0], f.who[1])
	case f.kind == cut && len(f.who) == 1:
		text += " from all"
	case f.kind == delay:
		text = fmt.Sprintf("%s of %v for %s", f.kind, f.late, strings.Join(f.who, " and "))
	case f.kind == full:
		text = fmt.Sprintf("%s, no more than %d %% of its largest file", text, f.part)
	case f.kind == mode:
		text = f.kind + " " + f.who[0]
	}
	if f.last > 0 {
		text += fmt.Sprintf(", %v", f.last)
	}
	return text
}

// apart is the time between two faults on average. Most outlast it, so that as a rule two
// or three are on.
const apart = 1200 * time.Millisecond

// plan draws the faults of a run. The same seed gives the same ones; what they lead to differs
// from run to run.
func plan(seed uint64, length time.Duration) (all []fault) {
	d := draw{rand.New(rand.NewPCG(seed, 0))}
	var cards []string
	turn := 0
	for at := time.Second; at < length; at += min(time.Duration(d.ExpFloat64()*float64(apart)), 2*apart) {
		if len(cards) == 0 {
			cards = deck()
			d.Shuffle(len(cards), func(i, j int) { cards[i], cards[j] = cards[j], cards[i] })
		}
		f := d.fault(cards[0])
		f.at, f.kind, cards = at, cards[0], cards[1:]
		if f.kind == mode { // the cluster begins in hot mode
			f.who = []string{[]string{"fenced", "hot"}[turn%2]}
			turn++
		}
		all = append(all, f)
	}
	return all
}

// draw draws.
type draw struct{ *rand.Rand }

func (d draw) between(low, high time.Duration) time.Duration {
	return (low + time.Duration(d.Int64N(int64(high-low)))).Round(time.Millisecond)
}

func (d draw) oneOf(names ...string) string { return names[d.IntN(len(names))] }

func (d draw) cosigner() string { return d.oneOf(cosigners()...) }

func (d draw) node() string { return d.oneOf(testnet.Main, testnet.Standby) }

// process is any process, the one that leads more often than others.
func (d draw) process() string {
	return d.oneOf(leading, leading, d.cosigner(), d.cosigner(), testnet.Main, testnet.Standby)
}

// several are two or all cosigners.
func (d draw) several() []string {
	all := cosigners()
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:2+d.IntN(2)]
}

// two are two members of which one calls the other.
func (d draw) two() []string {
	all := cosigners()
	d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	switch d.IntN(4) {
	case 0:
		return []string{testnet.Main, testnet.Standby}
	case 1:
		return []string{d.node(), all[0]}
	}
	return all[:2]
}

// parts are one member or two.
func (d draw) parts() []string {
	if d.IntN(2) == 0 {
		return []string{d.process()}
	}
	return d.two()
}

func (d draw) fault(kind string) fault {
	switch kind {
	case kill:
		return fault{who: []string{d.process()}, last: d.between(50*time.Millisecond, 3*time.Second)}
	case many:
		return fault{who: d.several(), last: d.between(50*time.Millisecond, time.Second)}
	case term:
		return fault{who: []string{d.process()}, last: d.between(time.Second, 3*time.Second)}
	case full:
		return fault{who: []string{d.oneOf(leading, d.cosigner())}, last: d.between(500*time.Millisecond, 2*time.Second),
			part: d.Int64N(100)}
	case halt:
		return fault{who: []string{d.process()}, last: d.between(20*time.Millisecond, 3*time.Second)}
	case cut:
		return fault{who: d.parts(), last: d.between(100*time.Millisecond, 3*time.Second), broken: d.IntN(2) == 0}
	case oneWay:
		return fault{who: d.two(), last: d.between(100*time.Millisecond, 4*time.Second), broken: d.IntN(2) == 0}
	case delay:
		return fault{who: d.parts(), last: d.between(500*time.Millisecond, 4*time.Second),
			late: d.between(2*time.Millisecond, 300*time.Millisecond)}
	case sever:
		return fault{who: []string{d.process()}}
	}
	return fault{who: []string{d.node()}}
}

// cosigners are the names of all cosigners.
func cosigners() []string { return []string{"c1", "c2", "c3"} }
