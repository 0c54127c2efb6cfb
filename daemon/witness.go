package daemon

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
	"casper-cosigner/testimony"
)

// members returns whose statements count.
func members(c *cluster.File) witness.Members {
	m := witness.Members{Validator: c.Validator, Cluster: witness.ID(c.ID), Threshold: c.Threshold,
		Keys: map[string]witness.Key{}}
	for _, e := range c.Cosigners {
		m.Keys[e.Name] = witness.Key(e.Key)
	}
	return m
}

// presences is the state directory as peers see it: who may not found a cluster yet shows that it
// has met nobody, so that nobody else founds it either.
type presences struct {
	*statedir.Dir
	ledger *cosigner.Ledger
	stand  atomic.Pointer[testimony.Stand] // nil until the log is open
	gone   error                           // why the directory was lost when it was opened
}

// openPresences reads whether the directory was found to have lost its memory.
func openPresences(dir *statedir.Dir, ledger *cosigner.Ledger) (*presences, error) {
	p := &presences{Dir: dir, ledger: ledger}
	why, err := dir.Lost()
	if why != "" {
		p.gone = errors.New(why)
	}
	return p, err
}

// lost returns why this cosigner must take no part in the log, nil if it may: its memory is lost,
// or who would know that was not heard yet. By then it would have voted.
func (p *presences) lost() error {
	if stand := p.stand.Load(); stand != nil {
		return cmp.Or(stand.Lost(), stand.Waits())
	}
	return cmp.Or(p.gone, errStarting)
}

// NoteStart notes what this process opened, before it changes any of it.
func (p *presences) NoteStart(last uint64) error {
	written, _ := p.ledger.Written()
	return p.Dir.NoteStart(statedir.Start{Opened: last, Written: written})
}

// Presence is what this process shows of its state.
func (p *presences) Presence(last, applied uint64) statedir.Presence {
	shown := p.Dir.Presence(last, applied)
	shown.Written, _ = p.ledger.Written()
	if p.mayFound() != nil {
		shown.Pinned = 0
	}
	return shown
}

// Admit refuses also a state that has lost what its cosigner signed, as was stated. It does so
// before that process is taken for the one that the cosigner is now. A refusal tells whether the
// cluster may be one that was never founded.
func (p *presences) Admit(peer string, shown statedir.Presence, asked statedir.Sighting) error {
	stand := p.stand.Load()
	if stand != nil {
		if err := stand.Refuses(peer, shown); err != nil && !p.Strange(peer, shown) {
			return err
		}
	}
	err := p.Dir.Admit(peer, shown, asked)
	if refused := (*statedir.PeerError)(nil); errors.As(err, &refused) {
		refused.Unfounded = stand != nil && !stand.Founded()
	}
	return err
}

var errStarting = errors.New("this cosigner is starting")

func (p *presences) mayFound() error {
	if stand := p.stand.Load(); stand != nil {
		return stand.MayFound()
	}
	return errStarting
}

func (p *presences) mayFollow() error {
	if stand := p.stand.Load(); stand != nil {
		return stand.MayFollow()
	}
	return errStarting
}

// openStand makes the place where witnesses are heard, once the log is open.
func (p *process) openStand(path string) (err error) {
	c := p.self.Cluster
	p.starts = startsOf(p.dir.Starts())
	p.stand, err = testimony.OpenStand(testimony.StandConfig{
		Name: p.self.Name, Members: members(c), Key: p.self.Key(), Wait: c.WaitForWitnesses(),
		Agents: failoverSettings(c).Nodes, Every: time.Duration(c.Failover.PingInterval),
		First: p.dir.Identity().First, Held: p.held, Directory: p.dir,
		Words: func() (statedir.Words, error) { return statedir.ReadWords(path) },
		Now:   time.Now, Logger: p.options.Logger,
	})
	if err == nil {
		p.presences.stand.Store(p.stand)
	}
	return err
}

// held is what this cosigner's state holds now.
func (p *process) held() (h testimony.Held) {
	own, first, lead := p.dir.Presence(0, 0), p.dir.Identity().First, p.store.Leader()
	h.Statement = witness.Statement{Validator: p.self.Cluster.Validator, Cluster: witness.ID(own.Cluster),
		Name: p.self.Name, Directory: witness.ID(own.Directory), Boot: own.Boot, Session: witness.ID(own.Session),
		Term: lead.Term, Pruned: first}
	written, link := p.ledger.Written()
	h.Written, h.Link = written, witness.ID(link)
	h.LinkAt = func(n uint64) (witness.ID, bool) {
		link, ok := p.ledger.LinkAt(n)
		return witness.ID(link), ok
	}
	h.Starts, h.Stored, h.Led = p.starts, p.store.Held(), lead.Name != ""
	ledger := p.ledger.Marks() // before the log is looked at, which is never behind
	p.store.ViewAt(func(index uint64, m *machine.State) {
		h.Applied = index
		if h.Started = m.Started(); !h.Started {
			return
		}
		memory := m.Remembered(ledger)
		h.Newest.Era, h.Round, h.Newest.Height = memory.Newest.Era, memory.Newest.Round, memory.Newest.Height
		h.Resets, h.Pruned = memory.Resets, memory.Pruned
		h.Unfollowed = h.Resets < m.LastReset().Count
	})
	return h
}

// verifyReset fails unless an operator signed the reset for this cluster, as it was founded last.
func (p *process) verifyReset(r watermark.Reset) (err error) {
	if err = p.self.Cluster.VerifyReset(r); err != nil {
		return err
	}
	p.store.View(func(m *machine.State) { err = m.MayReset(r, p.dir.Identity().First) })
	return err
}

// followed returns how many resets of the heights each ledger is known to have made, by its own
// cosigner's word.
func (p *process) followed() map[string]uint64 {
	made := p.stand.Resets()
	made[p.self.Name] = p.ledger.Resets()
	return made
}

// stayConnected keeps a connection up and reports each time that it was made, until ctx ends. An
// agent's pings alone would find a cosigner that comes back one interval later at best: it waits
// for them before it gives shares.
func stayConnected(ctx context.Context, conn *grpc.ClientConn, connected func()) {
	for {
		state := conn.GetState()
		switch state {
		case connectivity.Idle:
			conn.Connect()
		case connectivity.Ready:
			connected()
		case connectivity.Shutdown:
			return
		}
		if !conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}
