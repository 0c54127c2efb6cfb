package world

import (
	"time"

	"casper-cosigner/rule/presence"
)

// process is something that runs on a host, can be killed, and can be stopped and continued.
type process struct {
	w       *World
	name    string
	host    int
	up      bool
	paused  bool
	life    int      // starts and kills so far
	backlog []func() // what came while it was stopped
}

func (p *process) runs() bool { return p.up && !p.paused }

// do does something in the process, if it is still the one that it was meant for; a stopped one
// does it when it goes on.
func (p *process) do(life int, what func()) {
	switch {
	case !p.up || p.life != life:
	case p.paused:
		p.backlog = append(p.backlog, what)
	default:
		what()
	}
}

// after does something in this life of the process, later.
func (p *process) after(d time.Duration, what func()) {
	life := p.life
	p.w.after(d, func() { p.do(life, what) })
}

func (p *process) kill() {
	p.up, p.paused, p.backlog = false, false, nil
	p.life++
}

func (p *process) start() {
	p.up = true
	p.life++
}

func (p *process) stop() { p.paused = p.up }

// cont continues a stopped process. It works off what came meanwhile.
func (p *process) cont() {
	if !p.paused {
		return
	}
	p.paused = false
	work, life := p.backlog, p.life
	p.backlog = nil
	for _, what := range work {
		p.do(life, what)
	}
}

// post carries a message from one process to another: late, twice or never, as the links are. down,
// which may be nil, is done by the sender if nobody listens at the other end.
func (w *World) post(from, to *process, what, down func()) {
	w.send(from, to, w.admitted(from, to, presence.Sighting{}), what, down)
}

// send does as post; whether the message is taken, taken says as it comes.
func (w *World) send(from, to *process, taken func() bool, what, down func()) {
	if !from.up {
		return
	}
	if from.host != to.host && w.rng.Float64() < w.loss {
		return
	}
	read := func() {
		if taken() {
			what()
		}
	}
	w.carry(from, to, read, down)
	if from.host != to.host && w.dup > 0 && w.rng.Float64() < w.dup {
		w.carry(from, to, read, nil)
	}
}

func (w *World) carry(from, to *process, what, down func()) {
	life, sender, way := to.life, from.life, w.way(from.host, to.host)
	w.after(way, func() {
		switch {
		case w.cut[from.host][to.host] > 0:
		case to.up:
			to.do(life, what)
		case down != nil && w.cut[to.host][from.host] == 0:
			w.after(way, func() { from.do(sender, down) })
		}
	})
}

// way draws how long a message is under way. Cosigners are near each other unless they are at sites
// apart, nodes are far.
func (w *World) way(from, to int) time.Duration {
	least, spread := 5*time.Millisecond, 30*time.Millisecond
	switch {
	case from == to:
		return 20 * time.Microsecond
	case from >= nodeCount && to >= nodeCount:
		least, spread = 200*time.Microsecond, 2*time.Millisecond
	case from >= nodeCount || to >= nodeCount:
		least, spread = 500*time.Microsecond, 5*time.Millisecond
	}
	near := (least + time.Duration(w.rng.Int64N(int64(spread)))) * time.Duration(w.slow)
	return near + w.apart(from, to)
}

// linked reports whether messages pass both ways between two hosts.
func (w *World) linked(a, b int) bool {
	return w.cut[a][b] == 0 && w.cut[b][a] == 0
}
