package failover

import (
	"fmt"
	"time"
)

// decide is the rule. What comes first prevails: a fault before all, then whatever makes the
// observation one that nobody may be blamed for, then the active node, and main's return last.
func (l *look) decide() Judgement {
	active := l.state.Active
	if active == "" {
		return Judgement{Code: NotStarted, Why: "the cluster has not started: all cosigners must meet once"}
	}
	if why := l.fault(); why != "" {
		return Judgement{Code: Fault, Why: why, Act: Hold, Until: ForGood, Due: l.now}
	}
	if why := l.forked(); why != "" {
		return Judgement{Code: Fault, Why: why, Act: Hold, Until: ForGood, Due: l.now}
	}
	if why := l.settled(); why != "" {
		return Judgement{Code: Unread, Why: why, Act: Hold, Due: l.now}
	}
	if why := l.doubt(); why != "" {
		return Judgement{Code: Unread, Why: why, Act: Hold, Until: l.seen.Wall.Add(heldByWord).UnixMilli(), Due: l.now}
	}
	if why := l.held(); why != "" {
		return Judgement{Code: Held, Why: why}
	}
	if why := l.noQuorum(); why != "" {
		return Judgement{Code: NoQuorum, Why: why}
	}
	if listening := l.seen.Listening; listening.IsZero() || l.now.Before(listening.Add(l.After)) {
		return Judgement{Code: Paused, Why: fmt.Sprintf("the cosigners have not listened without a break for %v yet",
			l.After)}
	}
	if why := l.upgrading(); why != "" {
		return Judgement{Code: Upgrade, Why: why}
	}
	switch t := l.troubles[active]; {
	case t.code == Blocked && t.sign.IsZero():
		return Judgement{Code: Blocked, Why: t.why}
	case t.code != "":
		return l.replace(t)
	}
	if active != l.Main && l.mayReturn() {
		return l.giveBack()
	}
	if last := l.advanced(); l.now.Sub(last) > l.recent() {
		why := "no node asks for anything new: the network stands still"
		if l.asked().IsZero() {
			why = "no node has asked for anything yet"
		}
		return Judgement{Code: Stall, Why: why}
	}
	why := active + " is active and well"
	if active != l.Main {
		why += "; " + l.conditions[l.Main].Why
	}
	return Judgement{Code: Well, Why: why}
}

// held tells until when automatic changes are stopped, and why.
func (l *look) held() string {
	if !l.holding() {
		return ""
	}
	why := "automatic changes are stopped until an operator resumes them"
	if left := l.state.HoldUntil - l.seen.Wall.UnixMilli(); l.state.HoldUntil != ForGood {
		why = fmt.Sprintf("automatic changes are stopped for another %d s", left/1000+1)
	}
	if e, ok := l.state.last(EventHold); ok && e.Reason != "" {
		why += ": " + e.Reason
	}
	return why
}

// noQuorum tells that the cosigners cannot do their part, or could not until less than After
// ago. Then nodes have had no chance: one whose requests are not answered may even cease to
// answer /status.
func (l *look) noQuorum() string {
	switch o := l.seen; {
	case o.Reporting < l.Threshold:
		return fmt.Sprintf("%d cosigners report, and %d must", o.Reporting, l.Threshold)
	case o.Signing.IsZero():
		return "signatures cannot be made now"
	case l.now.Before(o.Signing.Add(l.After)):
		return "signatures can be made again, as of " + l.ago(o.Signing) + " ago"
	}
	return ""
}

// replace is the failover: the active node is in trouble, and has been for After once that is due.
func (l *look) replace(t trouble) Judgement {
	d := Judgement{Code: t.code, Why: t.why, Node: l.candidate(t),
		Due: latest(t.sign.Add(l.After), l.changed.Add(l.After))}
	if t.code == Suspended { // an operator's word needs no confirmation by time
		d.Due = l.now
	}
	due := !l.now.Before(d.Due)
	switch {
	case due && d.Node == "":
		d.Code, d.Due = NobodyReady, time.Time{}
		for _, name := range l.names {
			if name != l.state.Active {
				d.Why += "; " + l.conditions[name].Why
			}
		}
	case l.Failover == Manual:
		d.Node, d.Due = "", time.Time{}
		d.Why += "; failover is manual"
	// That it is not heard is the other node's word alone, and one whose gate let something pass may
	// vote on: then two would.
	case due && (l.Failover == Confirm || t.code == NotConnected || t.code == GatePassed):
		d.Confirm = true
	case due:
		d.Act = Activate
	case l.lasts(t):
		d.Why += "; the last change is too recent for another"
	}
	return d
}

// candidate returns the first ready node besides the active one, main before all others, or none.
// Here alone the order in which the settings name the nodes counts: if several are ready, it is the
// operator's preference. If none is ready a stock node will do that is out of this era only, or
// asks for nothing yet; but not in place of one that is no worse.
func (l *look) candidate(t trouble) string {
	var sidelined string
	for _, name := range append([]string{l.Main}, l.Nodes...) {
		switch {
		case name == l.state.Active:
		case l.conditions[name].Ready:
			return name
		case sidelined == "" && t.code != Out && l.able(name):
			sidelined = name
		}
	}
	return sidelined
}

// giveBack is the return to main, which is ready.
func (l *look) giveBack() Judgement {
	if e, ok := l.state.last(EventActivate); ok && e.Cause == Operator {
		return Judgement{Code: ByHand, Why: "an operator made " + l.state.Active + " active, and it stays so until an " +
			"operator changes that"}
	}
	if l.Failback == Manual {
		return Judgement{Code: FailbackManual, Why: l.Main + " is ready; failback is manual, so an operator is to make " +
			"it active"}
	}
	// A break of less than After costs no node its readiness, and a restart may be one.
	ready, stable := latest(l.readySince(l.Main), l.nodes[l.Main].Gate.Started), l.stable()
	d := Judgement{Code: Return, Node: l.Main, Due: latest(ready.Add(stable), l.changed.Add(l.After)),
		Why: fmt.Sprintf("%s has been ready for %s, of %v that it must be", l.Main, l.ago(ready), stable)}
	if !l.now.Before(d.Due) {
		d.Act = Activate
	}
	return d
}

// backOff is how far returns are looked back for, and the longest that their number alone can put
// off another one.
const backOff = time.Hour

// stable returns how long main must be ready: each return of late doubles it, so that a main that
// fails under load only does not take the role each time that it has a rest.
func (l *look) stable() time.Duration {
	d := l.FailbackAfter
	for _, e := range l.state.History {
		ago := l.seen.Wall.Sub(time.UnixMilli(e.At))
		if e.What == EventActivate && e.Cause == Return && ago.Abs() < backOff && d < backOff {
			d = min(2*d, backOff)
		}
	}
	return d
}

// advanced returns when any node, or what is bound, moved on last.
func (l *look) advanced() time.Time {
	last := l.seen.BoundAt
	for name, n := range l.nodes {
		last = latest(last, n.Rounds.Advanced, n.Heights.Advanced)
		if l.IsStock(name) { // it may have nothing to ask for
			last = latest(last, n.grew)
		}
	}
	return last
}

// asked returns when any node asked for anything last.
func (l *look) asked() (last time.Time) {
	for _, n := range l.nodes {
		last = latest(last, n.Last())
	}
	return last
}
