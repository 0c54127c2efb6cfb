package hub

import (
	"fmt"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/zug"
)

// heed does what a foreign node wants done.
func (h *Hub) heed(id int, out zug.Output) {
	now := time.Now()
	if id == watcher {
		h.record.note(out, now)
	}
	for _, f := range out.Faults {
		if f.Validator == ours {
			h.record.faults = append(h.record.faults, fmt.Sprintf("%+v and %+v", f.Have, f.Other))
		}
	}
	for _, e := range out.Send {
		h.send(id, e)
	}
	for _, b := range out.Blocks {
		if id == watcher && h.staged != nil && b.Era+1 == h.staged.Era && h.Chain.IsSwitch(b.Height) {
			// Time for finality signatures; less than the next block's.
			h.loop.After(h.Chain.Block/2, h.shutDown)
		}
	}
}

// send sends a message to one node or to all.
func (h *Hub) send(from int, e zug.Envelope) {
	for _, to := range Others(from) {
		if e.To != zug.All && e.To != to {
			continue
		}
		delay := leastDelay + time.Duration(h.rng.Int64N(int64(moreDelay)))
		h.loop.After(delay, func() { h.deliver(from, to, e) })
	}
}

func (h *Hub) isCut(id int) bool { return id < OurNodes && h.cut[id] }

func (h *Hub) deliver(from, to int, e zug.Envelope) {
	switch {
	case h.isCut(from) || h.isCut(to):
	case to >= OurNodes && h.down: // nobody is there
	case to >= OurNodes:
		if from < OurNodes {
			h.hear(from, e.Message)
		}
		h.players[to].Drive(func(n *zug.Node, now time.Time) zug.Output { return n.Receive(from, e.Message, now) })
	case h.peers[to] != nil && (h.peers[to].certified || e.To != zug.All):
		h.peers[to].send(Frame{Peer: from, Message: e.Message})
	}
}

// hear writes down what a foreign validator received from us.
func (h *Hub) hear(from int, m zug.Message) {
	for _, s := range h.record.hear(m, time.Now()) {
		h.write(from, s.Message, s.Signature)
	}
}

func (h *Hub) write(from int, m casper.Message, s casper.Signature) {
	h.transcript.Note(testnet.TranscriptLine{Act: "network", Node: h.Names[from]}, m,
		testnet.Answer{Kind: testnet.Signed, Signature: s})
}

// received takes in a frame of a node of ours.
func (h *Hub) received(hello Hello, w Welcome, p *peer, f Frame) {
	switch {
	case h.peers[hello.ID] != p:
	case f.Certificate != nil:
		m := Certified(hello, w)
		if p.certified = h.Validator.Verify(m, *f.Certificate); !p.certified {
			h.Logger.Error().Str("node", h.Names[hello.ID]).Msg("the certificate is not our validator's")
			return
		}
		h.write(hello.ID, m, *f.Certificate)
		h.Logger.Info().Str("node", h.Names[hello.ID]).Msg("connected")
	case f.Message != nil && (f.Peer == zug.All || f.Peer >= 0 && f.Peer < Nodes):
		h.send(hello.ID, zug.Envelope{To: f.Peer, Message: f.Message})
	}
}

// stage stages the next version on all hosts.
func (h *Hub) stage(u Upgrade) error {
	open := h.players[watcher].Node.Status().Tip
	if next := h.Chain.EraOf(open.Height + 1); u.Era <= next || h.down {
		return fmt.Errorf("era %d has begun or is over, era %d is open", u.Era, next)
	}
	h.staged = &u
	for _, p := range h.peers {
		if p != nil {
			p.send(Frame{Staged: &u})
		}
	}
	return nil
}

// shutDown has the foreign nodes leave for the upgrade; ours do so by themselves.
func (h *Hub) shutDown() {
	h.Logger.Info().Str("version", h.staged.Version).Msg("the network shuts down for the upgrade")
	h.down = true
	for _, p := range h.players {
		p.Halt()
	}
	h.loop.After(h.Downtime, h.comeUp)
}

// comeUp has them come back with the next version. All forget the era's rounds: there are none of
// the new version yet.
func (h *Hub) comeUp() {
	h.Version, h.staged, h.down = h.staged.Version, nil, false
	h.Chain.Chainspec = chainspec(h.Chain.Name, h.Version)
	for _, p := range h.players {
		p.Resume()
		p.Drive(func(n *zug.Node, now time.Time) zug.Output { n.Restart(false, now); return n.Tick(now) })
	}
	for i, p := range h.peers { // of the old version
		if p != nil {
			p.conn.Close()
			h.peers[i] = nil
		}
	}
	for _, tell := range h.waiting {
		tell()
	}
	h.waiting = nil
	h.Logger.Info().Str("version", h.Version).Msg("the network is up")
}

func (h *Hub) report() Report {
	s := h.players[watcher].Node.Status()
	r := Report{Now: time.Now().UnixMilli(), Version: h.Version, Down: h.down, Era: s.Open.Era, Round: s.Open.ID,
		Height: s.Tip.Height}
	h.record.report(&r)
	return r
}
