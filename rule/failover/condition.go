package failover

import (
	"fmt"
	"strings"
	"time"
)

// Condition is what is to be said of one node.
type Condition struct {
	Ready bool   // it may become active
	Code  string // of what keeps it from being well or ready, empty if nothing does
	Why   string // the same in words
}

const (
	// lostPings is how many pings in a row a node may miss and still be ready, and may bring before it is called behind.
	lostPings = 3
	// neededHistory is for how long back a node must have all blocks, or casper-node does not vote: the chainspec's
	// transactions.max_ttl.
	neededHistory = 2 * time.Hour
	// validating is the reactor state in which a casper-node takes part in consensus.
	validating = "Validate"
)

// trouble is what is wrong with a node, if anything is. It counts once After has passed since the node's last sign of the
// contrary, and is looked out for from half of that on, so that what is coming can be told and done on time.
type trouble struct {
	code string
	why  string
	sign time.Time // zero: a change of roles would not help
}

func (l *look) lasts(t trouble) bool { return !l.now.Before(t.sign.Add(l.After)) }

func (l *look) overdue(sign time.Time) bool { return !l.now.Before(sign.Add(l.After / 2)) }

// trouble returns what is wrong with the node. What its agent cannot have told is not held against the node, and neither
// is what the cosigners owe it.
func (l *look) trouble(name string) trouble {
	n := l.nodes[name]
	if l.state.IsSuspended(name) {
		return trouble{code: Suspended, why: name + " is suspended"}
	}
	if heard := latest(n.Heard, l.seen.Listening); l.overdue(heard) {
		t := trouble{code: Silent, why: name + " has not pinged any cosigner for " + l.ago(heard), sign: heard}
		if n.HeardByAgent.Sub(heard) >= l.After/2 {
			t.code, t.why = CutOff, t.why+", though another agent reaches it"
		}
		return t
	}
	if l.unanswered(n) {
		t := trouble{code: Blocked, why: "the cosigners have left all that " + name + " asks unanswered for " + l.ago(n.Blocked)}
		if other := l.answered(name); other != "" && l.overdue(n.Blocked) {
			t.sign, t.why = n.Blocked, t.why+", and answer "+other
		}
		return t
	}
	if lived := l.sign(name, n.Status.At, n.asked()); l.overdue(lived) {
		return trouble{code: NodeDown, sign: lived,
			why: "the node " + name + " has neither answered /status nor asked for a signature for " + l.ago(lived)}
	}
	if t := l.behind(name); t.code != "" {
		return t
	}
	return l.unheard(name)
}

// unheard returns the trouble of an active node whose blocks do not come, though others' do: it hears its peers, and they do
// not hear it. Only a node that was ready all the time can tell; what it asks for in old rounds, to catch up, tells nothing.
func (l *look) unheard(name string) trouble {
	if name != l.state.Active {
		return trouble{}
	}
	for _, other := range l.Nodes {
		n, ready := l.nodes[other], l.memory[other].ready
		first := n.LostLeads[Leads-1]
		tells := !ready.IsZero() && first.After(latest(ready, l.changed)) && n.Heights.Advanced.After(n.LostLeads[0])
		if other != name && tells && !l.state.IsSuspended(other) && l.overdue(first) {
			return trouble{code: NotConnected, sign: first,
				why: fmt.Sprintf("the last %d rounds that %s led had no block, and others had", Leads, name)}
		}
	}
	return trouble{}
}

// behind returns the trouble of a node that does not advance though others do. When all stand still, none is behind. When
// all go on, as after a round without a block, the pings that say so come one after the other, so it takes some of them.
func (l *look) behind(name string) (t trouble) {
	n, abreast := l.nodes[name], l.memory[name].abreast
	if l.now.Before(abreast.Add((lostPings - 1) * l.PingInterval)) {
		return trouble{}
	}
	passed := abreast.Add(lostPings*l.PingInterval - l.After)
	round, height := l.ahead(name)
	// That others are ahead is their word. The chain needs two round lengths to be further than a node's next.
	honest := max(0, l.recent()-l.After)
	last := l.sign(name, n.Rounds.Advanced)
	if sign := latest(last.Add(honest), passed); round != "" && l.overdue(sign) {
		p := l.nodes[round].Place
		t = trouble{code: Behind, sign: sign, why: fmt.Sprintf("%s has not come past round %d of era %d for %s, and %s has asked for round %d of era %d",
			name, n.Place.Round, n.Place.Era, l.ago(last), round, p.Round, p.Era)}
	}
	last = l.sign(name, n.Heights.Advanced)
	if sign := latest(last.Add(honest), passed); height != "" && l.overdue(sign) && (t.code == "" || sign.Before(t.sign)) {
		t = trouble{code: Behind, sign: sign, why: fmt.Sprintf("%s has not come past height %d for %s, and %s has asked for height %d",
			name, n.Place.Height, l.ago(last), height, l.nodes[height].Place.Height)}
	}
	return t
}

// ahead returns the nodes, not suspended ones, that have asked furthest beyond the named node's next round and height; none
// if nobody has.
func (l *look) ahead(name string) (round, height string) {
	p := l.nodes[name].Place
	for _, other := range l.Nodes {
		o := l.nodes[other].Place
		if other == name || l.state.IsSuspended(other) || !l.plausible(o) {
			continue
		}
		if p.trails(o, 1) && (round == "" || o.further(l.nodes[round].Place)) {
			round = other
		}
		if o.Height > p.Height && o.Height-p.Height > 1 && (height == "" || o.Height > l.nodes[height].Place.Height) {
			height = other
		}
	}
	return round, height
}

// unanswered reports whether it is for want of the cosigners' answers that the node does not do more. A node that has
// ceased to ask has no such excuse.
func (l *look) unanswered(n Node) bool {
	return !n.Blocked.IsZero() && l.now.Sub(n.asked()) <= max(l.After, l.recent())
}

// answered returns another node that asks and is answered, empty if none: then it is not the cosigners that are at a loss,
// but the way between them and the node.
func (l *look) answered(name string) string {
	for _, other := range l.Nodes {
		n := l.nodes[other]
		if other != name && !l.state.IsSuspended(other) && n.Blocked.IsZero() && l.now.Sub(n.asked()) <= l.recent() {
			return other
		}
	}
	return ""
}

// sign returns the last of the node's signs. One of which no sign was ever seen gets its time from when it was first
// heard of; and nothing counts of the time in which it was not listened to, or not answered.
func (l *look) sign(name string, signs ...time.Time) time.Time {
	k := l.memory[name]
	last := latest(signs...)
	if last.IsZero() {
		last = k.first
	}
	return latest(last, k.blocked, l.seen.Listening)
}

// condition judges the node for itself: whether it is ready, and else why not.
func (l *look) condition(name string) Condition {
	t := l.trouble(name)
	wrong := t.code == Blocked || t.code != "" && l.lasts(t)
	if wrong && t.code != Behind {
		return Condition{Code: t.code, Why: t.why}
	}
	code, why := l.unready(name)
	switch {
	case code != "" && wrong: // why it does not ask tells more than that it is behind
		return Condition{Code: code, Why: t.why + "; " + why}
	case code != "":
		return Condition{Code: code, Why: why}
	case wrong:
		return Condition{Code: t.code, Why: t.why}
	}
	return Condition{Ready: true}
}

// unready returns what keeps the node from being ready. That is judged by its requests alone: it asks, and for what is
// newest. A node says Validate well before its consensus state has caught up, and one that was made active on that word
// lost 4 to 8 rounds.
func (l *look) unready(name string) (code, why string) {
	n := l.nodes[name]
	asks := !n.Rounds.Asked.IsZero() && l.now.Sub(n.Rounds.Asked) <= l.recent()
	switch {
	case n.Heard.IsZero():
		return Silent, name + " has not pinged any cosigner yet"
	case l.now.Sub(n.Heard) > lostPings*l.PingInterval:
		return Silent, name + " has not pinged any cosigner for " + l.ago(n.Heard)
	case asks && n.Place.trails(l.newest, l.slack()):
		return CatchingUp, fmt.Sprintf("%s asks for round %d of era %d, and the newest is round %d of era %d",
			name, n.Place.Round, n.Place.Era, l.newest.Round, l.newest.Era)
	case asks:
		return "", ""
	}
	code, why = l.explain(n.Status)
	return code, name + " asks for no round: " + why
}

// slack is how many rounds a node may be short of the newest: what it asked for since its last ping is not known yet.
func (l *look) slack() uint32 { return uint32(1 + l.PingInterval/max(l.Round, time.Millisecond)) }

// explain returns why a node asks for no signatures, as far as /status knows.
func (l *look) explain(s Status) (code, why string) {
	blocks := uint64(neededHistory / max(l.Round, time.Millisecond))
	switch {
	case s.Error != "":
		return NoRequests, "/status fails, " + s.Error
	case s.At.IsZero() || s.Reactor == "":
		return NoRequests, "its /status is not known; is rest set in agent.toml?"
	case s.Reactor != validating:
		return NotValidating, "/status says " + s.Reactor
	case l.Validator != "" && !strings.EqualFold(s.Key, l.Validator):
		return OtherKey, fmt.Sprintf("/status says that its key is %q, not %s: set public_key in its config.toml", s.Key, l.Validator)
	case s.Round == 0:
		return EraClosed, "/status gives no round length, so no era is open to it"
	case s.Lowest > 0 && s.Height < s.Lowest+blocks:
		return ShortHistory, fmt.Sprintf("it has the blocks from height %d on, and needs those of the last %v", s.Lowest, neededHistory)
	}
	return NoRequests, "/status does not say why"
}

// recent is how long ago a node that takes part asked last, at most: two round lengths, and a ping to tell of it.
func (l *look) recent() time.Duration { return silentAfter*l.Round + l.PingInterval }

// ago writes how long ago that was.
func (l *look) ago(t time.Time) string { return l.now.Sub(t).Round(time.Second / 10).String() }
