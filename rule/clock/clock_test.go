package clock

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var settings = Settings{Share: 1, Threshold: 2, PingInterval: time.Second}

// TestJump: what moves the wall clock by more than Jump between two looks is a jump, in either
// direction; slewing, leap seconds and pauses are none.
func TestJump(t *testing.T) {
	const look = 100 * time.Millisecond
	for name, c := range map[string]struct {
		mono, wall time.Duration // what passes between two looks, on either clock
		looks      int
		want       bool
	}{
		"nothing":                           {look, look, 1000, false},
		"a leap second":                     {look, look - time.Second, 1, false},
		"a paused process":                  {10 * time.Hour, 10 * time.Hour, 1, false},
		"slewed for a month":                {look, look + look*500/1_000_000, 26_000_000 / 1000, false},
		"slewed back for a month":           {look, look - look*500/1_000_000, 26_000_000 / 1000, false},
		"slewed over a pause of a month":    {720 * time.Hour, 720*time.Hour + 720*time.Hour/2000, 1, false},
		"set ahead by five seconds":         {look, look + Jump, 1, false},
		"set ahead by more":                 {look, look + Jump + time.Millisecond, 1, true},
		"set back by more":                  {look, look - Jump - time.Millisecond, 1, true},
		"put back, and told the time":       {look, 300 * 24 * time.Hour, 1, true},
		"asleep, and woken":                 {look, time.Minute, 1, true},
		"set back to the beginning of time": {look, -50 * 365 * 24 * time.Hour, 1, true},
	} {
		w, now := New(settings), Reading{Wall: time.Unix(1_700_000_000, 0), Mono: time.Hour}
		if j := w.Look(now, nil); j.Jumped {
			t.Errorf("%s: the first look jumped", name)
		}
		var j Judgement
		for range c.looks {
			now.Wall, now.Mono = now.Wall.Add(c.wall), now.Mono+c.mono
			j = w.Look(now, nil)
		}
		if j.Jumped != c.want || j.KeepBack != c.want || j.End {
			t.Errorf("%s: got %+v, want a jump: %v", name, j, c.want)
		}
		if c.want && j.By != c.wall-c.mono {
			t.Errorf("%s: by %v, want %v", name, j.By, c.wall-c.mono)
		}
	}
}

// group is cosigners that look at their clocks, and hear each other a while later.
type group struct {
	t         *testing.T
	threshold int
	delay     time.Duration // of a word
	members   []*member
	now       time.Duration
	seed      uint64
}

// member is one of them.
type member struct {
	*Watch
	jumpsAt time.Duration // its wall clock, once
	off     time.Duration
	judged  Judgement
	down    time.Duration // since when it is being started again, 0 if it is up
	ended   []time.Duration
	stays   bool    // down, once it ended
	mute    bool    // nobody hears it
	lies    bool    // says that it jumped, for ever
	wavers  int     // if not 0, says so for ten seconds and then not, and so on; 2 when 1 does not
	said    []Other // one a step, the newest last
}

const (
	step    = 100 * time.Millisecond
	restart = 2500 * time.Millisecond
)

func newGroup(t *testing.T, n, threshold int) *group {
	g := &group{t: t, threshold: threshold, delay: 200 * time.Millisecond}
	for i := range n {
		m := &member{jumpsAt: -1}
		m.Watch = New(Settings{Share: i + 1, Threshold: threshold, PingInterval: time.Second})
		g.members = append(g.members, m)
	}
	return g
}

// run plays so much time, and returns for how long in all too few would give a share, the longest
// such time at once, and the most that were down at once.
func (g *group) run(d time.Duration) (dumb, longest time.Duration, down int) {
	lasted := time.Duration(0)
	for end := g.now + d; g.now < end; g.now += step {
		able, away := 0, 0
		for _, m := range g.members {
			g.step(m)
			if m.down > 0 {
				away++
			} else if !m.judged.KeepBack {
				able++
			}
		}
		down = max(down, away)
		if able >= g.threshold {
			lasted = 0
			continue
		}
		dumb, lasted = dumb+step, lasted+step
		longest = max(longest, lasted)
	}
	return dumb, longest, down
}

func (g *group) step(m *member) {
	if m.jumpsAt >= 0 && g.now >= m.jumpsAt {
		m.off, m.jumpsAt = m.off+time.Hour, -1
	}
	if m.down > 0 && (m.stays || g.now-m.down < restart) {
		m.said = append(m.said, Other{})
		return
	}
	m.down = 0
	m.judged = m.Look(Reading{Wall: time.Unix(0, 0).Add(g.now + m.off), Mono: g.now}, g.heard(m))
	if m.judged.End && !m.lies {
		m.down, m.ended = g.now, append(m.ended, g.now)
		m.Watch, m.judged = New(m.Settings), Judgement{}
		m.said = append(m.said, Other{})
		return
	}
	lies := m.lies || m.wavers > 0 && (int(g.now/(10*time.Second))+m.wavers)%2 == 0
	m.said = append(m.said, Other{Share: m.Share, Jumped: m.judged.Jumped || lies, Ready: !m.judged.KeepBack && !lies})
}

// heard is what a member has of the others: the newest word that had the time to come.
func (g *group) heard(of *member) (all []Other) {
	for _, m := range g.members {
		if m == of || m.mute || of.mute {
			continue
		}
		o := Other{Share: m.Share, Age: time.Hour}
		for i := len(m.said) - 1 - int(g.delay/step); i >= 0; i-- {
			if m.said[i].Share != 0 {
				o = m.said[i]
				o.Age = time.Duration(len(m.said)-1-i) * step
				break
			}
		}
		all = append(all, o)
	}
	return all
}

func (g *group) check(name string, ok bool) {
	g.t.Helper()
	if !ok {
		g.t.Errorf("seed %d: %s", g.seed, name)
		for _, m := range g.members {
			g.t.Logf("%d ended at %v, %+v", m.Share, m.ended, m.judged)
		}
	}
}

// TestAlone: a member that jumped alone gives no share from the same look on, and ends; the others
// sign meanwhile.
func TestAlone(t *testing.T) {
	for _, n := range []int{3, 4, 5, 7} {
		g := newGroup(t, n, n/2+1)
		g.members[1].jumpsAt = 10 * time.Second
		g.run(10 * time.Second)
		g.check("no jump yet", !g.members[1].judged.Jumped)
		g.run(step)
		g.check("it keeps its shares back at once", g.members[1].judged.KeepBack)
		for len(g.members[1].ended) == 0 && g.now < time.Minute {
			g.check("it keeps them back until it ends", g.members[1].judged.KeepBack)
			g.run(step)
		}
		dumb, _, _ := g.run(time.Minute)
		g.check("the others sign", dumb == 0)
		for _, m := range g.members {
			g.check("it alone ends, once", len(m.ended) == map[bool]int{true: 1}[m == g.members[1]])
		}
	}
}

// TestAloneAndNeeded: it does so also if nothing is signed then.
func TestAloneAndNeeded(t *testing.T) {
	g := newGroup(t, 3, 2)
	g.members[2].mute = true
	g.members[1].jumpsAt = 10 * time.Second
	g.run(10*time.Second + 2*step)
	g.check("it keeps its shares back", g.members[1].judged.KeepBack)
}

// TestAllJump: when the clocks of all hosts, or of some, are stepped within a few seconds, each
// ends once, no two at once, and hardly a moment goes by in which nothing could be signed.
func TestAllJump(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		n := 3 + random.IntN(4)
		g := newGroup(t, n, n/2+1)
		g.seed = seed
		within := time.Duration(random.IntN(4)) * 3 * time.Second
		for _, m := range g.members {
			if random.IntN(4) > 0 || seed%2 == 0 {
				m.jumpsAt = 10*time.Second + time.Duration(random.Int64N(int64(within)+1))
			}
		}
		jumping := 0
		for _, m := range g.members {
			if m.jumpsAt >= 0 {
				jumping++
			}
		}
		_, longest, down := g.run(2 * time.Minute)
		ended := 0
		for _, m := range g.members {
			ended += len(m.ended)
			g.check("at most once each", len(m.ended) <= 1)
		}
		g.check("each that jumped ends", ended == jumping)
		g.check(fmt.Sprintf("%d were down at once", down), down <= 1)
		g.check(fmt.Sprintf("nothing was signed for %v", longest), longest <= g.delay+2*step)
	}
}

// TestEndsWhateverIsSaid: neither one that says for ever that it jumped, nor one that ended and is
// not back, nor silence, keeps a member from ending.
func TestEndsWhateverIsSaid(t *testing.T) {
	for name, change := range map[string]func(*group){
		"a liar":         func(g *group) { g.members[0].lies = true },
		"one stays down": func(g *group) { g.members[0].stays = true },
		"two liars":      func(g *group) { g.members[0].wavers, g.members[1].wavers = 1, 2 },
		"nobody hears":   func(g *group) { g.members[0].mute, g.members[1].mute, g.members[2].mute = true, true, true },
	} {
		g := newGroup(t, 3, 2)
		for _, m := range g.members {
			m.jumpsAt = 10 * time.Second
		}
		change(g)
		g.run(10*time.Second + 3*patience + step)
		for _, m := range g.members {
			g.check(name+": each ends", len(m.ended) == 1 || m.lies || m.wavers > 0)
		}
	}
}

// TestLongGoneIsNoCompany: one that jumped, ended and stayed away long ago does not let another one
// that jumps give shares.
func TestLongGoneIsNoCompany(t *testing.T) {
	g := newGroup(t, 3, 2)
	g.members[0].jumpsAt, g.members[0].stays = 10*time.Second, true
	g.members[1].jumpsAt = 11*time.Second + 3*patience + time.Minute
	g.run(g.members[1].jumpsAt + 2*step)
	g.check("it is alone", g.members[1].judged.KeepBack)
	g.check("the first one ended", len(g.members[0].ended) == 1)
}

// TestFewJump: while those that did not jump are enough for a signature, the others keep their
// shares back, however many they are.
func TestFewJump(t *testing.T) {
	g := newGroup(t, 5, 3)
	g.members[1].jumpsAt, g.members[3].jumpsAt = 10*time.Second, 10*time.Second
	g.run(11 * time.Second)
	g.check("both keep back", g.members[1].judged.KeepBack && g.members[3].judged.KeepBack)
	g.members[0].jumpsAt = g.now
	g.run(time.Second)
	g.check("two are not enough", !g.members[1].judged.KeepBack && !g.members[3].judged.KeepBack)
}
