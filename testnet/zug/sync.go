package zug

import "casper-cosigner/rule/casper"

// sync asks a peer, drawn at random, for what may be missing: for a block while the node catches
// up, else for a round that is not finalized (zug.rs, handle_sync_peer_timer).
func (n *Node) sync() {
	if len(n.Peers) == 0 {
		n.syncAt = n.now.Add(n.IdleSync)
		return
	}
	peer := n.Peers[n.rng.IntN(len(n.Peers))]
	if n.reactor == CatchUp {
		n.syncAt = n.now.Add(n.CatchUp)
		n.send(peer, BlockRequest{Height: n.tip().Height + 1})
		return
	}
	n.syncAt = n.now.Add(n.IdleSync)
	if n.behind {
		n.syncAt = n.now.Add(n.Sync)
	}
	in := n.cur
	id := in.first + uint32(n.rng.IntN(int(in.current-in.first)+1))
	n.send(peer, SyncRequest{Round: in.at(id)})
}

// soon asks a peer at the faster pace from now on.
func (n *Node) soon() {
	n.behind = true
	if at := n.now.Add(n.Sync); at.Before(n.syncAt) {
		n.syncAt = at
	}
}

// heard is told of an era that the node holds no consensus of. If it is far ahead, only
// blocks help.
func (n *Node) heard(era uint64) {
	switch {
	case era > n.cur.name.Era+1:
		n.catchUp()
	case era > n.cur.name.Era:
		n.soon()
	}
}

// catchUp has the node ask for blocks.
func (n *Node) catchUp() {
	n.reactor, n.ready, n.behind, n.syncAt = CatchUp, n.now, true, n.now
}

// tell answers a question for a round.
func (n *Node) tell(to int, name casper.Round) {
	if n.reactor != Validate {
		return
	}
	answer := SyncResponse{Era: n.cur.name.Era, Current: n.cur.current}
	if in := n.instance(name); in != nil {
		answer.Held = true
		if in == n.prev {
			answer.Current = name.ID
		}
		if r := in.known(name.ID); r != nil {
			answer.Proposal = r.proposal
			for _, from := range [][]Signed{r.echoes, r.votes} {
				for _, s := range from {
					if s.Message != nil {
						answer.Signed = append(answer.Signed, s)
					}
				}
			}
		}
	}
	n.send(to, answer)
}

// learn takes in the answer.
func (n *Node) learn(m SyncResponse) {
	if n.reactor != Validate {
		return
	}
	for _, s := range m.Signed {
		n.receive(s)
	}
	if m.Proposal != nil {
		n.propose(*m.Proposal)
	}
	n.update()
	switch {
	case m.Era > n.cur.name.Era && !m.Held: // the era that the node is in is over, and nobody keeps it
		n.catchUp()
	case m.Era > n.cur.name.Era:
		n.heard(m.Era)
	case m.Era == n.cur.name.Era:
		if n.behind = m.Current > n.cur.current; n.behind {
			n.soon()
		}
	}
}

// follow takes in a block that the node asked for. When its peer has no more, it takes part in
// consensus again.
func (n *Node) follow(b *Block) {
	switch {
	case n.reactor != CatchUp:
	case b != nil && b.Height == n.tip().Height+1:
		n.append(*b)
	case b == nil && !n.now.Before(n.ready):
		n.reactor = Validate
		n.openEra()
		n.cur.mark(n.cur.first)
		n.soon()
	}
}
