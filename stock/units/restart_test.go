package units_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units"
)

// pair is two nodes with one key and a file each, and the table that grants a slot once.
type pair struct {
	t       *testing.T
	rand    *rand.Rand
	us      signer
	other   signer
	era     casper.Hash
	granted map[casper.Ballot]casper.Ballot // by slot: what was granted first
	nodes   [2]hotNode
}

// hotNode is a node as far as its file goes.
type hotNode struct {
	file  []byte
	split *units.Splitter
	knows map[casper.Ballot]bool // slots that it signs no more
	votes bool
}

func slotIn(b casper.Ballot) casper.Ballot { return casper.Ballot{Kind: b.Kind, Round: b.Round} }

// TestRestarts: two nodes with one key sign at random, behind a table that grants each slot once.
// A node's power fails at any moment and takes any part of its file's end, or leaves zeros there;
// it starts again with what Merge makes of that. No slot gets two contents, and a node that was
// just started votes and signs nothing of what was ever granted.
func TestRestarts(t *testing.T) {
	restarts, refused := 0, 0
	for seed := range uint64(100) {
		p := pair{t: t, rand: rand.New(rand.NewPCG(seed, 1)), us: newSigner(1, uint32(seed%5)), other: newSigner(2, 7),
			era: instanceOf(byte(seed)), granted: map[casper.Ballot]casper.Ballot{}}
		p.start(0)
		p.start(1)
		for range 40 {
			switch i := p.rand.IntN(2); p.rand.IntN(10) {
			case 0, 1, 2:
				p.fail(i)
				p.start(i)
				restarts++
			case 3:
				p.write(i, signed(p.other.cast(p.era, p.rand.Uint32N(1<<30), vote(true))))
			case 4:
				p.write(i, proposed(p.rand.Uint32N(1<<30), true))
			default:
				if !p.sign(i) {
					refused++
				}
			}
		}
	}
	if restarts < 1000 || refused < 50 {
		t.Errorf("only %d restarts and %d refusals", restarts, refused)
	}
}

// start has a node read what its file and the table make together.
func (p *pair) start(i int) {
	p.t.Helper()
	var elsewhere []casper.Ballot
	for _, b := range p.granted {
		elsewhere = append(elsewhere, b)
	}
	n := &p.nodes[i]
	file, m := merged(p.t, n.file, toldOf(p.us, p.era), elsewhere...)
	votes, ours, torn := activates(file, p.us.index)
	if !votes || torn != 0 {
		p.t.Fatalf("node %d does not vote with its file, merged from %d bytes to %d and %d", i, len(n.file), m.End, len(file))
	}
	*n = hotNode{file: file, knows: map[casper.Ballot]bool{}, votes: true}
	for b := range ours {
		n.knows[slotIn(b)] = true
	}
	for slot := range p.granted {
		if !n.knows[slot] {
			p.t.Fatalf("node %d would sign round %d again", i, slot.Round)
		}
	}
	n.split = units.NewSplitter(ownOf(p.us, p.era), int64(len(file)))
}

// fail takes from the file's end, or has a part of it read as zeros.
func (p *pair) fail(i int) {
	n := &p.nodes[i]
	lost := p.rand.IntN(min(len(n.file), 600) + 1)
	n.file = n.file[:len(n.file)-lost]
	if p.rand.IntN(3) == 0 {
		n.file = append(n.file, make([]byte, lost)...)
	}
}

// sign has a node sign for a slot near the newest that it knows nothing of, and reports whether the
// message was sent.
func (p *pair) sign(i int) bool {
	n := &p.nodes[i]
	ballot := []casper.Ballot{echo("of node one"), echo("of node two"), vote(true), vote(false)}[p.rand.IntN(4)]
	ballot.Round = uint32(len(p.granted)/2) + p.rand.Uint32N(2)
	if !n.votes || n.knows[slotIn(ballot)] {
		return true
	}
	n.knows[slotIn(ballot)] = true
	return p.write(i, units.Append(nil, p.us.cast(p.era, ballot.Round, ballot)))
}

// write passes bytes through the splitter in two portions, asks for what is ours and stores it.
func (p *pair) write(i int, entry []byte) bool {
	p.t.Helper()
	n := &p.nodes[i]
	if !n.votes {
		return true
	}
	cut := p.rand.IntN(len(entry) + 1)
	for _, w := range [][]byte{entry[:cut], entry[cut:]} {
		some, err := n.split.Split(w)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, piece := range some {
			if piece.Ours && !p.grant(piece.First.Ballot) {
				n.votes = false
				return false
			}
			n.file = append(n.file, piece.Raw...)
		}
	}
	if !bytes.HasSuffix(n.file, entry) {
		p.t.Fatal("what was written is not stored")
	}
	return true
}

func (p *pair) grant(b casper.Ballot) bool {
	was, taken := p.granted[slotIn(b)]
	if !taken {
		p.granted[slotIn(b)] = b
	}
	return !taken || was.Value == b.Value
}
