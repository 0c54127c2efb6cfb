package failover

import (
	"fmt"
	"strings"
	"time"
)

// How long a node's word is worth something, if it says that our validator equivocated and nobody
// can look into that.
const (
	heldByWord = 2 * time.Hour  // for an era at most, and no longer than one of the main network
	wordAgain  = 24 * time.Hour // until when the same node's word alone holds no roles again
)

// fault returns why automatic changes must stop for good: our key signed what no cosigner was asked
// for. The same is not reason enough twice, though clocks may differ and other nodes tell of it
// later: an operator who resumed knows of it. Neither is one of before all changes that are
// remembered.
func (l *look) fault() string {
	for _, name := range l.names {
		f := l.finding(name)
		if !l.tells(name) || f.Proof != Proven {
			continue
		}
		why := fmt.Sprintf("somebody else signed with our validator's key in era %d; find out who holds it", f.Era)
		known := false
		for _, e := range l.state.History {
			known = known || e.What == EventHold && e.Cause == Fault && strings.Contains(e.Reason, why)
		}
		if !known {
			return why + ": " + f.Why
		}
	}
	return ""
}

// tells reports whether the node's word of a fault counts.
func (l *look) tells(name string) bool {
	n, h := l.nodes[name], l.state.History
	return !l.state.IsSuspended(name) && !n.Fault.IsZero() &&
		(len(h) < KeptEvents || l.seen.Wall.Add(n.Fault.Sub(l.now)).UnixMilli() >= h[0].At)
}

// doubt returns why automatic changes must stop until the newest era ends: a node tells of a fault
// in it that nobody could look into. Any node may tell that, also a hostile one, of era after era;
// so it is heard once a day, and only of the era that the chain is in, as far as the log and nodes
// that follow a chain can tell.
func (l *look) doubt() string {
	for _, name := range l.names {
		f, era := l.finding(name), l.nodes[name].FaultEra
		if l.holding() || !l.tells(name) || !f.open() || !l.current(era) || l.heardOut(name) {
			continue
		}
		return l.word(name) + fmt.Sprintf("in era %d, and %v; held until that era ends, for %v at most", era, f, heldByWord)
	}
	return ""
}

// word is how a reason begins that rests on the node's word alone.
func (l *look) word(name string) string { return name + " tells that our validator equivocated " }

// heardOut reports whether the node's word alone held roles lately. The wall clock may have jumped
// since.
func (l *look) heardOut(name string) bool {
	for _, e := range l.state.History {
		ago := l.seen.Wall.Sub(time.UnixMilli(e.At))
		if e.What == EventHold && e.Cause == Unread && strings.HasPrefix(e.Reason, l.word(name)) && ago.Abs() < wordAgain {
			return true
		}
	}
	return false
}

// settled returns why a hold that rests on a node's word alone ends; empty if there is none, or it
// goes on.
func (l *look) settled() string {
	e, ok := l.state.last(EventHold)
	if !ok || e.Cause != Unread || !l.holding() {
		return ""
	}
	for _, name := range l.names {
		var era uint64
		in, found := strings.CutPrefix(e.Reason, l.word(name)+"in era ")
		if _, err := fmt.Sscanf(in, "%d,", &era); !found || err != nil || l.state.IsSuspended(name) || !l.current(era) {
			continue
		}
		if f := l.finding(name); f.Proof == False && l.nodes[name].FaultEra == era {
			return "the fault that " + name + " tells of was looked into, and is none: " + f.Why
		}
		return ""
	}
	return "roles were held by a node's word for an era, and that is over"
}

// holding reports whether automatic changes are stopped now.
func (l *look) holding() bool { return l.state.HoldUntil > l.seen.Wall.UnixMilli() }
