package gate

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
	"casper-cosigner/stock/units/unitstest"
)

// register grants each slot once, as the log does, and knows what our key signed.
type register struct {
	random  *rand.Rand
	forgets bool
	index   *uint32                         // that the chain says
	bound   map[casper.Ballot]casper.Ballot // by round and kind
}

func slotAt(b casper.Ballot) casper.Ballot { return casper.Ballot{Round: b.Round, Kind: b.Kind} }

func (r *register) Claim(_ context.Context, own casper.Ballot) (attest.Proof, error) {
	have, taken := r.bound[slotAt(own)]
	if !taken {
		r.bound[slotAt(own)], have = own, own
	}
	if have.Value != own.Value {
		return attest.Proof{}, ErrBound
	}
	return attesttest.Proof(own), nil
}

func (r *register) Signed(context.Context, casper.Hash) (all []casper.Ballot, _ *uint32, _ error) {
	for _, b := range r.bound {
		if !r.forgets || r.random.IntN(2) == 0 {
			all = append(all, b)
		}
	}
	return all, r.index, nil
}

// serial asks one after the other: a register has no lock.
type serial struct {
	*register
	turn chan struct{}
}

func (s serial) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.register.Claim(ctx, own)
}

// powered is two hosts with a gate each and one key. What a node was told to be written it sent.
type powered struct {
	*testing.T
	serial
	us, other unitstest.Validator
	era       casper.Hash
	states    [2]string
	files     [2]*file
	pens      [2]*handle
	locks     [2]*os.File
	sent      map[casper.Ballot]casper.Ballot
	ours      map[casper.Ballot]bool
	cuts      int
}

// TestPowerCuts: a host's power fails a thousand times, and takes any part of its unit file's end,
// also all of it, or leaves zeros or garbage there; the gate starts again and merges what it is
// told, and the node signs on at random. No slot gets two values out, or into the files; and where
// all that was signed is known, and our index is, it stands in the file that the node reads.
func TestPowerCuts(t *testing.T) {
	cuts, refused := 0, 0
	for seed := range uint64(50) {
		p := &powered{T: t, us: unitstest.New(1, uint32(seed%4/2*7)),
			other: unitstest.New(2, 3), era: unitstest.Instance("era"),
			serial: serial{&register{random: rand.New(rand.NewPCG(seed, 2)), forgets: seed%2 == 1,
				bound: map[casper.Ballot]casper.Ballot{}}, make(chan struct{}, 1)},
			states: [2]string{t.TempDir(), t.TempDir()}, sent: map[casper.Ballot]casper.Ballot{},
			ours: map[casper.Ballot]bool{}}
		if seed%3 > 0 {
			p.index = &p.us.Index
		}
		for i := range p.states {
			p.start(i)
			p.write(i, unitstest.Entry(p.us.Vote(p.era, 99, true)))
		}
		for range 150 {
			i := p.random.IntN(2)
			switch p.random.IntN(7) {
			case 0:
				p.fail(i)
				p.start(i)
			case 1:
				p.write(i, unitstest.Entry(p.other.Vote(p.era, p.random.Uint32N(99), true)))
			default:
				if !p.sign(i) {
					refused++
				}
			}
		}
		cuts += p.cuts
		p.fail(0)
		p.fail(1)
	}
	if cuts < 1000 || refused < 500 {
		t.Errorf("only %d cuts and %d refusals", cuts, refused)
	}
}

// start has a gate stand, and a node read its file.
func (p *powered) start(i int) {
	p.Helper()
	g := New(Settings{Key: p.us.Public(), State: p.states[i], Patience: time.Minute}, p.serial)
	var err error
	if p.locks[i], err = g.Open(); err != nil {
		p.Fatal(err)
	}
	name := journal.FileName(p.era, p.us.Public())
	f := g.names[name]
	if f == nil {
		f = g.enter(name)
	}
	if err := f.open(); err != nil {
		p.Fatal(err)
	}
	f.merge()
	if f.dead != nil {
		p.Errorf("after a start nothing more is written: %v", f.dead)
	}
	p.files[i], p.pens[i] = f, f.handle()
	own := p.look(i)
	for slot, b := range p.bound {
		known := p.index != nil || len(own) > 0 // our index: by the chain, or by what the file still holds
		if known && !p.forgets && own[slot].Value != b.Value {
			p.Errorf("after a start %v is not in the file", b)
		}
	}
}

// fail takes a host's power away, and with it what its disk did not have yet.
func (p *powered) fail(i int) {
	p.Helper()
	p.look(i)
	path := p.files[i].path()
	p.files[i].close()
	p.locks[i].Close()
	p.cuts++
	b, err := os.ReadFile(path)
	if err != nil {
		p.Fatal(err)
	}
	from := p.random.IntN(len(b) + 1)
	if p.random.IntN(2) == 0 {
		from = p.random.IntN(min(len(b), 2*len(unitstest.Entry(p.us.Vote(p.era, 99, true)))) + 1)
	}
	switch p.random.IntN(4) {
	case 0:
		b = b[:from]
	case 1: // a length that was stored before the bytes were
		clear(b[from:])
	case 2: // a sector in the middle that was not
		clear(b[from:min(len(b), from+512)])
	case 3:
		for n := range b[from:] {
			b[from+n] = byte(p.random.Uint32())
		}
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		p.Fatal(err)
	}
}

// write has a node write, and open its file again if that is refused.
func (p *powered) write(i int, text []byte) bool {
	if p.pens[i].write(text) == nil {
		return true
	}
	if p.pens[i].write(text) == nil {
		p.Error("what was refused is taken when it comes again")
	}
	p.pens[i] = p.files[i].handle()
	return false
}

// sign has a node want any slot, in any way.
func (p *powered) sign(i int) bool {
	round := p.random.Uint32N(20)
	b := p.us.Vote(p.era, round, p.random.IntN(2) == 0)
	if p.random.IntN(2) == 0 {
		b = p.us.Echo(p.era, round, fmt.Sprint(p.random.IntN(2)))
	}
	if !p.write(i, unitstest.Entry(b)) {
		return false
	}
	p.see(b, "sent")
	return true
}

// signed reports whether our key did, and remembers that it did.
func (p *powered) signed(b casper.Ballot) bool {
	if !p.ours[b] {
		p.ours[b] = b.SignedBy(p.us.Public())
	}
	return p.ours[b]
}

// see fails if the slot has another value.
func (p *powered) see(b casper.Ballot, where string) {
	p.Helper()
	if have, taken := p.sent[slotAt(b)]; taken && have.Value != b.Value {
		p.Fatalf("DOUBLE SIGN: %s: %v, and %v elsewhere", where, b, have)
	}
	p.sent[slotAt(b)] = b
}

// look reads a file from its first byte to its last, and returns what of ours is in it.
func (p *powered) look(i int) map[casper.Ballot]casper.Ballot {
	p.Helper()
	text, err := os.ReadFile(p.files[i].path())
	if err != nil {
		p.Fatal(err)
	}
	own, r := map[casper.Ballot]casper.Ballot{}, units.NewReader(bytes.NewReader(text))
	for {
		e, err := r.Next()
		if err != nil {
			break
		}
		if m := e.First.Ballot; m.Validator == p.us.Index && p.signed(m) {
			if _, twice := own[slotAt(m)]; twice {
				p.Fatalf("%v stands twice", m)
			}
			own[slotAt(m)] = m
			p.see(m, "stored")
		}
	}
	if r.Offset() != int64(len(text)) {
		p.Fatalf("of %d bytes %d are whole entries", len(text), r.Offset())
	}
	return own
}
