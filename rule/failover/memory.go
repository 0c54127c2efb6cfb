package failover

import "time"

// kept is what the judge remembers of a node.
type kept struct {
	node    Node      // as it was seen last
	first   time.Time // when it was first heard of
	blocked time.Time // when it last asked for something that the cosigners left unanswered
	abreast time.Time // when no other was further than its next
	ready   time.Time // since when it is ready without a break of After: less would not cost it the role either
	still   time.Time // when it was ready last
}

// follow notes since when the state is what it is. The state dates its changes by the clock of whoever led then, so that
// is taken for a hint: a change was made since the judgement before and not after now, and before the first judgement
// what is more than After ago is all alike.
func (j *Judge) follow(s State, o Observation, now time.Time) {
	if j.last.IsZero() || s.Epoch != j.epoch {
		most := j.settings.After
		if !j.last.IsZero() {
			most = min(most, now.Sub(j.last))
		}
		ago := o.Wall.Sub(time.UnixMilli(s.Since))
		j.epoch, j.changed = s.Epoch, now.Add(-min(max(ago, 0), most))
	}
	j.last = now
}

// remember returns the node with what its agent knew before a restart, and what this cosigner knew before another one
// that had heard the newest went away.
func (j *Judge) remember(name string, n Node, now time.Time) Node {
	k := j.nodes[name]
	was := k.node
	n.Heard, n.HeardByAgent = latest(n.Heard, was.Heard), latest(n.HeardByAgent, was.HeardByAgent)
	if n.Rounds.Asked.IsZero() {
		n.Rounds, n.Place.Era, n.Place.Round = was.Rounds, was.Place.Era, was.Place.Round
	}
	if n.Heights.Asked.IsZero() {
		n.Heights, n.Place.Height = was.Heights, was.Place.Height
	}
	if n.Status.At.IsZero() {
		n.Status.At = was.Status.At
	}
	if k.first.IsZero() && !n.Heard.IsZero() {
		k.first = now
	}
	if !n.Blocked.IsZero() {
		k.blocked = n.asked()
	}
	k.node = n
	j.nodes[name] = k
	return n
}
