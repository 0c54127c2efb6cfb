package cosigner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/held"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/watermark"
)

// TestTakenBack has an operator reset heights, of a network that went back once or more often,
// while ledgers lag or are down, nodes ask for whatever heights and blocks they like, also late and
// above the old chain, and whoever leads writes heights into the log for which no node asked. A
// reset that came to nothing is kept, and made later. The operator asks once more for the same
// restart, and so sends what he signed.
//
// As many cosigners are compromised as may be without two values: they show the others whatever
// logs they like, give a share for everything, and state to hold what they do not.
//
// A height gets one value, and another one for each time that the network took it back: then what
// it held was bound before the operator looked.
func TestTakenBack(t *testing.T) {
	for _, tt := range []struct{ threshold, cosigners int }{{2, 3}, {3, 4}, {3, 5}, {4, 5}} {
		t.Run(fmt.Sprintf("%d of %d", tt.threshold, tt.cosigners), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				p := newTakenBack(t, tt.threshold, tt.cosigners)
				actions := map[string]func(*rapid.T){
					"ask": p.ask, "ask again": p.ask, "share": p.share, "sign": p.sign, "write": p.write, "lag": p.lag,
					"catch up": p.catchUp, "down": p.goDown, "operator": p.reset, "kept": p.makeKept, "": p.check,
				}
				if p.hostile > 0 {
					actions["show"] = p.show
				}
				rt.Repeat(actions)
			})
		})
	}
}

// takenHeights is how many heights there are.
const takenHeights = 3

// block is a value of a height.
type block struct {
	height uint64
	id     byte
}

func (b block) message() casper.Message {
	return casper.Finality{Block: casper.Hash{b.id}, Height: b.height, Era: 10, ChainName: casper.ChainNameHash(testChain)}
}

// back is a restart of the network that took blocks back.
type back struct {
	looks []sighted
}

// sighted is one look of the operator, by which he signed.
type sighted struct {
	at            int
	height, until uint64
}

// taken is one honest cosigner, and the log as it is shown to it.
type taken struct {
	*rig
	server  *Server
	state   *machine.State
	applied int // of the true log; -1 while it is shown another one
	reset   int // when it made the last reset, in ticks
	up      bool
}

func (c *taken) Barrier(context.Context) (uint64, error)   { return 0, nil }
func (c *taken) WaitApplied(context.Context, uint64) error { return nil }
func (c *taken) View(f func(*machine.State))               { f(c.state) }

type takenBack struct {
	t         testing.TB
	threshold int
	all       int
	hostile   int
	log       []machine.Command
	cosigners []*taken
	now       int // actions so far
	backs     []*back
	signed    map[watermark.Reset]bool // by the operator,
	last      watermark.Reset          // and that last
	asked     []block                  // by a node
	sessions  map[block][]*session
	ticks     int // shares and resets so far
}

// session is the shares of one signing session, in which each signs by what all have committed to.
type session struct {
	at   int          // when the first one was given, in actions,
	tick int          // and in ticks
	by   map[int]bool // honest ones
}

func newTakenBack(t testing.TB, threshold, all int) *takenBack {
	p := &takenBack{t: t, threshold: threshold, all: all, hostile: 2*threshold - all - 1,
		signed: map[watermark.Reset]bool{}, sessions: map[block][]*session{}}
	p.log = []machine.Command{machine.Genesis{First: testFirst, Active: "A"}}
	verify := func(r watermark.Reset) error {
		if !p.signed[r] {
			return fmt.Errorf("no operator signed %+v", r)
		}
		return r.Within(testFirst)
	}
	for i := range all - p.hostile {
		c := &taken{rig: newRig(t), up: true, state: machine.New()}
		c.server = NewServer(ServerConfig{Name: fmt.Sprint(i), Ledger: c.Ledger, Log: c, VerifyReset: verify})
		p.cosigners = append(p.cosigners, c)
		p.bring(c, 1)
	}
	return p
}

// bring shows the cosigner so much of the true log.
func (p *takenBack) bring(c *taken, applied int) {
	if c.applied < 0 || applied < c.applied {
		c.state, c.applied = machine.New(), 0
	}
	for ; c.applied < applied; c.applied++ {
		c.state.ApplyAt(machine.Place{Index: uint64(c.applied + 1), Version: machine.Version}, p.log[c.applied])
	}
	p.follow(c)
}

func (p *takenBack) follow(c *taken) {
	made := c.Resets()
	_ = c.server.follow(look(c, false)) // what it does not follow yet, it may later
	if p.ticks++; c.Resets() != made {
		c.reset = p.ticks
	}
	if c.fatal != nil {
		p.t.Fatal(c.fatal)
	}
}

func drawBlock(t *rapid.T) block {
	return block{testFirst.Height + rapid.Uint64Range(0, takenHeights-1).Draw(t, "height"),
		byte(rapid.IntRange(1, 3).Draw(t, "id"))}
}

func takenClaim(b block) machine.Claim {
	c := claimOf(b.message())
	c.AskedAt = 1
	return c
}

func (p *takenBack) ask(t *rapid.T) {
	b := drawBlock(t)
	p.asked = append(p.asked, b)
	p.log = append(p.log, takenClaim(b))
}

// write is by a leader: no node asked.
func (p *takenBack) write(t *rapid.T) { p.log = append(p.log, takenClaim(drawBlock(t))) }

func (p *takenBack) one(t *rapid.T) *taken { return rapid.SampledFrom(p.cosigners).Draw(t, "cosigner") }

func (p *takenBack) lag(t *rapid.T) {
	if c := p.one(t); c.up {
		p.bring(c, rapid.IntRange(max(c.applied, 1), len(p.log)).Draw(t, "applied"))
	}
}

func (p *takenBack) catchUp(*rapid.T) {
	for _, c := range p.cosigners {
		if c.up {
			p.bring(c, len(p.log))
		}
	}
}

func (p *takenBack) goDown(t *rapid.T) {
	c := p.one(t)
	if c.up = !c.up; !c.up {
		c.reopen()
		c.server.config.Ledger = c.Ledger
	}
}

// share has one cosigner asked for its share of what a node asked for.
func (p *takenBack) share(t *rapid.T) {
	if len(p.asked) > 0 {
		p.give(rapid.IntRange(0, len(p.cosigners)-1).Draw(t, "cosigner"), rapid.SampledFrom(p.asked).Draw(t, "block"))
	}
}

// sign has all that are up apply the log and asked for the newest request.
func (p *takenBack) sign(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "how many") {
		p.ask(t)
		p.catchUp(t)
		for i := range p.cosigners {
			p.give(i, p.asked[len(p.asked)-1])
		}
	}
}

func (p *takenBack) give(i int, b block) {
	c := p.cosigners[i]
	m := b.message()
	slot, _ := casper.SlotOf(m)
	resets := c.Resets()
	if !c.up || held.New("c").Judge(c.state, held.Claim{Slot: slot, Message: m, Node: "A", AskedAt: 1,
		Resets: resets}) != held.Holds || c.Ledger.Claim(slot, casper.Digest(m), resets) != nil {
		return
	}
	p.ticks++
	for _, s := range p.sessions[b] {
		if c.reset < s.tick { // else what it had committed to is of no use
			s.by[i] = true
		}
	}
	p.sessions[b] = append(p.sessions[b], &session{p.now, p.ticks, map[int]bool{i: true}})
}

// reset is the operator's command, for the next restart of the network, or once more for the last
// one: then what was signed is sent again. It may come to nothing after he has signed.
func (p *takenBack) reset(t *rapid.T) {
	from := testFirst.Height + rapid.Uint64Range(0, takenHeights-1).Draw(t, "first taken back")
	within := report.Range{From: from, To: from + rapid.Uint64Range(0, takenHeights).Draw(t, "more")}
	if rapid.IntRange(0, 3).Draw(t, "behind") > 0 {
		p.catchUp(t)
	}
	if p.last.Count > 0 && rapid.Bool().Draw(t, "again") {
		p.make(p.last)
		return
	}
	var answers []report.Answer
	made := map[string]uint64{}
	for i, c := range p.cosigners {
		a := report.Answer{Name: fmt.Sprint(i)}
		if c.up && c.applied > 0 {
			made[a.Name] = c.Resets()
			seen := c.SeenFrom(within.From)
			a.Status = &cosignerv1.StatusResponse{AppliedIndex: uint64(c.applied), Resets: c.state.LastReset().Count,
				LedgerResets: c.Resets(), Floor: &cosignerv1.Mark{Height: c.state.Table().Floor().Height},
				First: &cosignerv1.Mark{Era: testFirst.Era, Height: testFirst.Height},
				Seen:  &cosignerv1.HeightsSeen{From: seen.From, Bits: []byte(seen.Bits)}}
		}
		answers = append(answers, a)
	}
	answers = append(answers, p.lies(t, answers)...)
	h, index, ok := report.Agreed(answers, p.threshold, within)
	if !ok || watermark.Followed(h.Resets, made, nil) != nil {
		return
	}
	for _, a := range answers {
		if max(a.Status.GetResets(), a.Status.GetLedgerResets()) > h.Resets {
			return
		}
	}
	p.backs = append(p.backs, &back{})
	b := p.backs[len(p.backs)-1]
	r := watermark.Reset{Height: within.From, Until: within.To, SeenAt: index, Count: h.Resets + 1, Seen: h.Seen,
		Ledgers: h.Ledgers, First: h.First, Operator: "ops",
		Network: watermark.Version{Major: 2, Patch: uint32(len(p.backs))}}
	if r.Within(h.First) != nil {
		return
	}
	p.signed[r], p.last = true, r
	b.looks = append(b.looks, sighted{p.now, within.From, within.To})
	if rapid.IntRange(0, 2).Draw(t, "comes to nothing") == 0 {
		return
	}
	p.make(r)
	if rapid.Bool().Draw(t, "all follow") {
		p.catchUp(t)
	}
}

// lies is what compromised ones state: to be as an honest one is, and to hold every height, or
// nothing at all.
func (p *takenBack) lies(t *rapid.T, honest []report.Answer) (lies []report.Answer) {
	like := rapid.SampledFrom(honest).Draw(t, "like")
	for i := range p.hostile {
		a := report.Answer{Name: fmt.Sprint("hostile ", i)}
		if like.Status != nil && rapid.IntRange(0, 2).Draw(t, "lies") > 0 {
			a.Status = proto.Clone(like.Status).(*cosignerv1.StatusResponse)
			a.Status.Seen.Bits = []byte{255}
		}
		lies = append(lies, a)
	}
	return lies
}

// make has the true log have the reset.
func (p *takenBack) make(r watermark.Reset) {
	p.log = append(p.log, machine.ResetHeights{Reset: r})
}

func (p *takenBack) kept(t *rapid.T) (r watermark.Reset, ok bool) {
	if len(p.signed) == 0 {
		return r, false
	}
	all := slices.SortedFunc(maps.Keys(p.signed), func(a, b watermark.Reset) int {
		return slices.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b)))
	})
	return rapid.SampledFrom(all).Draw(t, "kept"), true
}

func (p *takenBack) makeKept(t *rapid.T) {
	if r, ok := p.kept(t); ok {
		p.make(r)
	}
}

// show has a hostile leader show some cosigners a log that it made up: resets that nobody signed,
// one that the operator did sign, and requests of nodes. It has them give shares by that.
func (p *takenBack) show(t *rapid.T) {
	log := []machine.Command{p.log[0]}
	if r, ok := p.kept(t); ok && rapid.IntRange(0, 3).Draw(t, "without a reset") > 0 {
		top := takenClaim(block{r.Height, 9})
		for n := range r.Count - 1 {
			low := r
			low.Count, low.Network = n+1, watermark.Version{Major: 1, Patch: uint32(n)}
			log = append(log, top, machine.ResetHeights{Reset: low})
		}
		log = append(log, top, machine.ResetHeights{Reset: r})
	}
	asked := p.asked
	for range rapid.IntRange(1, 3).Draw(t, "requests") {
		p.asked = append(p.asked, drawBlock(t))
		log = append(log, takenClaim(p.asked[len(p.asked)-1]))
	}
	for i, c := range p.cosigners {
		if !c.up || rapid.IntRange(0, 2).Draw(t, "shown") == 0 {
			continue
		}
		c.state, c.applied = machine.New(), -1
		for i, command := range log {
			c.state.ApplyAt(machine.Place{Index: uint64(len(p.log) + i + 1), Version: machine.Version}, command)
		}
		p.follow(c)
		for _, b := range p.asked[len(asked):] {
			p.give(i, b)
		}
	}
}

// check holds what has a signature against how often the network took it back.
func (p *takenBack) check(t *rapid.T) {
	p.now++
	for h := testFirst.Height; h < testFirst.Height+takenHeights; h++ {
		var values []int // when each was begun
		for b, all := range p.sessions {
			i := slices.IndexFunc(all, func(s *session) bool { return len(s.by)+p.hostile >= p.threshold })
			if b.height == h && i >= 0 {
				values = append(values, all[i].at)
			}
		}
		slices.Sort(values)
		next := 0
		for i, at := range values[:max(0, len(values)-1)] {
			for next < len(p.backs) && !p.backs[next].took(h, at) {
				next++
			}
			if next++; next > len(p.backs) {
				t.Fatalf("height %d has %d values, and the network did not take back the one of number %d: begun at %v, resets %+v",
					h, len(values), i+1, values, p.signed)
			}
		}
	}
}

// took reports whether the network took back what was bound then at the height, before the operator
// looked.
func (b *back) took(height uint64, bound int) bool {
	return slices.ContainsFunc(b.looks, func(l sighted) bool {
		return height >= l.height && height <= l.until && bound <= l.at
	})
}
