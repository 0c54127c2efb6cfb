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

// May reports whether an operator may give the node the role without force. A passive stock node is
// out of each era: that is how it should be, and it votes once it is active, from the next era on
// or once it is restarted. Until then who voted goes on to vote, but not in fenced mode.
func (c Condition) May(m Mode) bool { return c.Ready || c.Code == Out && m == Hot }

const (
	// lostPings is how many pings in a row a node may miss and still be ready, and may bring before it
	// is called behind.
	lostPings = 3
	// neededHistory is for how long back a node must have all blocks, or casper-node does not vote:
	// the chainspec's transactions.max_ttl.
	neededHistory = 2 * time.Hour
	// validating is the reactor state in which a casper-node takes part in consensus.
	validating = "Validate"
)

// condition judges the node for itself: whether it is ready, and else why not.
func (l *look) condition(name string) Condition {
	t := l.troubles[name]
	wrong := t.code == Blocked || t.code != "" && l.lasts(t)
	if wrong && t.code != Behind && t.code != Out {
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

// unready returns what keeps the node from being ready. That is judged by its requests alone: it
// asks, and for what is newest. A node says Validate well before its consensus state has caught up,
// and one that was made active on that word lost 4 to 8 rounds.
func (l *look) unready(name string) (code, why string) {
	n := l.nodes[name]
	asks := l.asks(name)
	switch {
	case n.Heard.IsZero():
		return Silent, name + " has not pinged any cosigner yet"
	case l.now.Sub(n.Heard) > lostPings*l.PingInterval:
		return Silent, name + " has not pinged any cosigner for " + l.ago(n.Heard)
	case l.failing(name):
		return NotUp, l.fails(name)
	case l.out(name):
		return l.sidelined(name)
	case asks && l.lags(name):
		return CatchingUp, fmt.Sprintf("%s asks for round %d of era %d, and the newest is round %d of era %d",
			name, n.Place.Round, n.Place.Era, l.newest.Round, l.newest.Era)
	case asks:
		return "", ""
	}
	code, why = l.explain(n.Status)
	return code, name + " asks for no round: " + why
}

// asks reports whether the node asked for a round lately.
func (l *look) asks(name string) bool {
	asked := l.nodes[name].Rounds.Asked
	return !asked.IsZero() && l.now.Sub(asked) <= l.recent()
}

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
		return OtherKey, fmt.Sprintf("/status says that its key is %q, not %s: set public_key in its config.toml",
			s.Key, l.Validator)
	case s.Round == 0:
		return EraClosed, "/status gives no round length, so no era is open to it"
	case s.Lowest > 0 && s.Height < s.Lowest+blocks:
		return ShortHistory, fmt.Sprintf("it has the blocks from height %d on, and needs those of the last %v",
			s.Lowest, neededHistory)
	}
	return NoRequests, "/status does not say why"
}
