package witness

import (
	"slices"
	"strings"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

var names = []string{"c1", "c2", "c3"}

// trio is 2 of 3; the key of cn is testKey(n).
func trio() Members {
	m := Members{Validator: casper.PublicKey{7}, Cluster: ID{1}, Threshold: 2, Keys: map[string]Key{}}
	for i, name := range names {
		m.Keys[name] = Sign(testKey(byte(i+1)), Statement{}).Key
	}
	return m
}

// said is what a member of the trio signs, of which edit may change anything.
func said(n byte, applied uint64, edit func(*Statement)) Signed {
	s := Statement{Validator: casper.PublicKey{7}, Cluster: ID{1}, Name: names[n-1], Directory: ID{n}, Boot: 5,
		Session: ID{n, 5}, Term: 2, Applied: applied, Newest: watermark.Mark{Era: 50, Height: 500}, Round: 3,
		Pruned: watermark.Mark{Era: 39, Height: 1}}
	if edit != nil {
		edit(&s)
	}
	return Sign(testKey(n), s)
}

// TestJudge: c1 holds 100 entries, era 50 round 3 and height 500, in its sixth start.
func TestJudge(t *testing.T) {
	own := func(edit func(*Statement)) Signed { return said(1, 90, edit) }
	forged := func(s Signed, n byte) Signed { s.Key = Sign(testKey(n), s.Statement).Key; return s }
	tests := []struct {
		name  string
		known []Signed
		want  Finding
		what  string
	}{
		{"nothing known", nil, Sound, ""},
		{"all as it is", []Signed{own(nil), said(2, 100, nil), said(3, 100, nil)}, Sound, ""},

		{"own: one entry more than the log had", []Signed{own(func(s *Statement) { s.Applied = 96 })}, Lost,
			"ended at entry 95"},
		{"own: as much as the log had", []Signed{own(func(s *Statement) { s.Applied = 95 })}, Sound, ""},
		{"own: another directory", []Signed{own(func(s *Statement) { s.Directory = ID{9} })}, Lost, "initialised again"},
		{"own: a later start", []Signed{own(func(s *Statement) { s.Boot = 7 })}, Lost, "start number 7"},
		{"own: this start as another process", []Signed{own(func(s *Statement) { s.Boot = 6 })}, Lost, "two copies"},
		{"own: this process, put back", []Signed{own(func(s *Statement) {
			s.Boot, s.Session, s.Applied = 6, ID{1, 6}, 101
		})}, Lost, "put back"},
		{"own: this process, put back, as its ledger shows", []Signed{own(func(s *Statement) {
			s.Boot, s.Session, s.Written = 6, ID{1, 6}, 41
		})}, Lost, "41 records"},
		{"own: one record more than the ledger had", []Signed{own(func(s *Statement) { s.Written = 31 })}, Lost,
			"opened it with 30"},
		{"own: as many records as the ledger had", []Signed{own(func(s *Statement) {
			s.Written, s.Link = 30, ID{1}
		})}, Sound, ""},
		{"own: the record that was its last is another one", []Signed{own(func(s *Statement) {
			s.Written, s.Link = 20, ID{2}
		})}, Lost, "record 20"},
		{"own: this process, put back, and gone on since", []Signed{own(func(s *Statement) {
			s.Boot, s.Session, s.Written, s.Link = 6, ID{1, 6}, 20, ID{2}
		})}, Lost, "record 20"},
		{"own: the record that was its last", []Signed{own(func(s *Statement) { s.Written, s.Link = 20, ID{1} })}, Sound, ""},
		{"own: a record that is forgotten", []Signed{own(func(s *Statement) { s.Written, s.Link = 9, ID{2} })}, Sound, ""},
		{"another: another record", []Signed{said(2, 100, func(s *Statement) { s.Written, s.Link = 20, ID{2} })}, Sound, ""},
		{"another: more records", []Signed{said(2, 100, func(s *Statement) { s.Written = 1e6 })}, Sound, ""},
		{"own: this process", []Signed{own(func(s *Statement) {
			s.Boot, s.Session, s.Applied = 6, ID{1, 6}, 100
		})}, Sound, ""},
		{"own: lost, and all of it refused for ever", []Signed{own(func(s *Statement) {
			s.Directory, s.Applied, s.Newest = ID{9}, 1e6, watermark.Mark{Era: 39, Height: 19}
		})}, Sound, ""},
		{"own: lost, and the height is not refused", []Signed{own(func(s *Statement) {
			s.Directory, s.Newest = ID{9}, watermark.Mark{Era: 39, Height: 20}
		})}, Lost, ""},
		{"own: lost, and the era is not refused", []Signed{own(func(s *Statement) {
			s.Directory, s.Newest = ID{9}, watermark.Mark{Era: 40, Height: 19}
		})}, Lost, ""},
		{"own: another directory, on which nothing was bound", []Signed{own(func(s *Statement) {
			s.Directory, s.Newest, s.Pruned = ID{9}, watermark.Mark{}, watermark.Mark{Era: 99999, Height: 500}
		})}, Sound, ""},
		{"own: another directory, whose log began at zero", []Signed{own(func(s *Statement) {
			s.Directory, s.Newest, s.Pruned = ID{9}, watermark.Mark{}, watermark.Mark{}
		})}, Sound, ""}, // this one refuses that for ever
		{"own: an era more", []Signed{own(func(s *Statement) { s.Newest.Era = 51 })}, Behind, "era 51"},

		{"one member, far ahead in all", []Signed{said(2, 1e6, func(s *Statement) {
			s.Newest = watermark.Mark{Era: 1e6, Height: 1e9}
			s.Resets = 9
		})}, Sound, ""},
		{"one member far ahead, another not", []Signed{said(2, 1e6, nil), said(3, 100, nil)}, Sound, ""},
		{"two members: an entry more", []Signed{said(2, 101, nil), said(3, 102, nil)}, Behind, "entry 101"},
		{"two members: a round more", []Signed{said(2, 100, func(s *Statement) { s.Round = 4 }),
			said(3, 100, func(s *Statement) { s.Round = 5 })}, Behind, "round 4"},
		{"two members: an era more, in an earlier round", []Signed{
			said(2, 100, func(s *Statement) { s.Newest.Era, s.Round = 51, 0 }),
			said(3, 100, func(s *Statement) { s.Newest.Era, s.Round = 51, 1 })}, Behind, "era 51"},
		{"two members: a height more", []Signed{said(2, 100, func(s *Statement) { s.Newest.Height = 501 }),
			said(3, 100, func(s *Statement) { s.Newest.Height = 502 })}, Behind, "height 501"},
		{"two members: higher before heights were reset", []Signed{
			said(2, 100, func(s *Statement) { s.Newest.Height, s.Resets = 900, 0 }),
			said(3, 100, func(s *Statement) { s.Newest.Height, s.Resets = 900, 0 })}, Sound, ""},
		{"two members: a reset more", []Signed{said(2, 100, func(s *Statement) { s.Newest.Height, s.Resets = 1, 2 }),
			said(3, 100, func(s *Statement) { s.Newest.Height, s.Resets = 1, 2 })}, Behind, "after 2 resets"},

		{"two members of another cluster", []Signed{said(2, 1e6, func(s *Statement) { s.Cluster = ID{2} }),
			said(3, 1e6, func(s *Statement) { s.Cluster = ID{2} })}, Sound, ""},
		{"two keys of nobody", []Signed{forged(said(2, 1e6, nil), 8), forged(said(3, 1e6, nil), 9)}, Sound, ""},
		{"one member in two processes", []Signed{said(2, 1e6, nil), said(2, 1e6-1, func(s *Statement) { s.Boot = 4 }),
			said(3, 100, nil)}, Sound, ""},
		{"own: an earlier one than another that is all right", []Signed{own(nil),
			own(func(s *Statement) { s.Boot, s.Applied = 4, 96 })}, Lost, "start number 6 opened it"},
		{"own: what is behind hides no loss", []Signed{own(func(s *Statement) { s.Newest.Era = 51 }),
			own(func(s *Statement) { s.Boot, s.Applied = 4, 96 })}, Lost, ""},
		{"one key for two names", []Signed{said(2, 1e6, nil), forged(said(3, 1e6, nil), 2)}, Sound, ""},
	}
	for _, tt := range tests {
		resets := uint64(0)
		if strings.Contains(tt.name, "reset") {
			resets = 1
		}
		h := Holding{Statement: said(1, 100, func(s *Statement) {
			s.Boot, s.Session, s.Resets, s.Written = 6, ID{1, 6}, resets, 40
			s.Pruned = watermark.Mark{Era: 40, Height: 20}
		}).Statement, Starts: []Start{{Boot: 6, Session: ID{1, 6}, Opened: 95, Written: 30}},
			LinkAt: func(record uint64) (ID, bool) { return ID{1}, record >= 10 && record <= 40 }}
		got := Judge(h, trio(), tt.known)
		if got.Finding != tt.want || !strings.Contains(got.What, tt.what) {
			t.Errorf("%s: found %d, %q, want %d, %q", tt.name, got.Finding, got.What, tt.want, tt.what)
		}
		if tt.want != Sound && got.By.Name == "" {
			t.Errorf("%s: says not by whose statement", tt.name)
		}
	}
}

// TestBook: of each cosigner the newest is kept, under its own key and once it is verified; nobody
// else makes the book larger.
func TestBook(t *testing.T) {
	b := NewBook(trio())
	keep := func(name string, s Signed, want bool) {
		t.Helper()
		if b.Keep(s) != want {
			t.Errorf("%s: want kept %v", name, want)
		}
	}
	if _, ok := b.Position(); ok {
		t.Error("an empty book has a position")
	}
	keep("first", said(1, 10, nil), true)
	if _, ok := b.Position(); ok {
		t.Error("one of two has a position")
	}
	keep("again", said(1, 10, nil), false)
	keep("older", said(1, 9, nil), false)
	keep("newer", said(1, 11, nil), true)
	keep("no more applied, and more in the ledger", said(1, 11, func(s *Statement) { s.Written = 3 }), true)
	keep("less in the ledger", said(1, 11, func(s *Statement) { s.Written = 2 }), false)
	unsigned := said(1, 12, nil)
	unsigned.Applied = 13
	keep("not what was signed", unsigned, false)
	keep("as another", Sign(testKey(2), said(1, 99, nil).Statement), false)
	keep("of another cluster", said(1, 99, func(s *Statement) { s.Cluster = ID{2} }), false)
	keep("of another validator", said(1, 99, func(s *Statement) { s.Validator[0] = 9 }), false)
	keep("of a stranger", Sign(testKey(9), said(1, 99, func(s *Statement) { s.Name = "c9" }).Statement), false)
	keep("after a reset of heights", said(1, 12, func(s *Statement) { s.Resets, s.Newest.Height = 1, 2 }), true)
	keep("next start", said(1, 12, func(s *Statement) { s.Boot, s.Resets = 6, 1 }), true)
	keep("the ledger follows another reset", said(1, 12, func(s *Statement) { s.Boot, s.Resets = 6, 2 }), true)
	keep("as before that", said(1, 12, func(s *Statement) { s.Boot, s.Resets = 6, 1 }), false)
	keep("made anew, above", said(1, 3, func(s *Statement) {
		s.Directory, s.Pruned, s.Newest = ID{9}, watermark.Mark{Era: 51, Height: 501}, watermark.Mark{Era: 51, Height: 501}
	}), true)
	keep("the one before that", said(1, 1e6, nil), false)
	keep("second", said(2, 7, nil), true)
	if at, ok := b.Position(); !ok || at != 3 {
		t.Errorf("at %d %v, want the second highest, 3", at, ok)
	}
	keep("an earlier process of it", said(2, 5, func(s *Statement) { s.Boot = 4 }), true)
	keep("a later one", said(2, 6, func(s *Statement) { s.Boot = 6 }), true)
	if at, _ := b.Position(); at != 3 {
		t.Errorf("at %d, want one voice each, 3", at)
	}
	keep("third", said(3, 8, nil), true)
	if at, _ := b.Position(); at != 7 {
		t.Errorf("at %d, want 7", at)
	}

	earlier := Sign(testKey(9), said(1, 99, func(s *Statement) { s.Cluster, s.Name = ID{2}, "c9" }).Statement)
	again := b.Recall(earlier, false)
	if !again || !b.Recall(earlier, false) || len(b.All()) != 6 || len(b.Current()) != 5 {
		t.Errorf("recalled to %d, %d of them current", len(b.All()), len(b.Current()))
	}
	if b.Recall(unsigned, false) {
		t.Error("recalled what was not signed")
	}
}

// TestBegin: what a member itself says before anything is bound takes the place of what it said so
// on another directory, also of a higher first era; nobody tells it on, and anything bound replaces
// it.
func TestBegin(t *testing.T) {
	at := func(directory byte, first, newest uint64) Signed {
		return said(1, uint64(100-directory), func(s *Statement) {
			s.Directory, s.Pruned = ID{directory}, watermark.Mark{Era: first, Height: first}
			s.Newest = watermark.Mark{Era: newest, Height: newest}
		})
	}
	b := NewBook(trio())
	has := func(what string, want ...Signed) {
		t.Helper()
		if got := b.Current(); !slices.Equal(got, want) {
			t.Errorf("%s: it holds %v", what, got)
		}
	}
	high, low, signed := at(1, 99999, 0), at(2, 40, 0), at(2, 40, 41)
	if b.Keep(high) || !b.Begin(high) || b.Begin(high) {
		t.Error("kept by who was not asked")
	}
	if !b.Begin(low) || b.Keep(high) {
		t.Error("the first word of the next log is not taken")
	}
	has("begun anew", low)
	if b.Begin(signed) || !b.Keep(signed) || b.Keep(high) || b.Begin(low) {
		t.Error("what was bound does not count")
	}
	has("bound", signed)
	above := at(3, 42, 0)
	if !b.Begin(above) {
		t.Error("a log that refuses all of that is not taken")
	}
	// What was signed speaks against a copy of before.
	has("founded above, and nothing bound there yet", signed, above)
	if !b.Keep(at(3, 42, 43)) {
		t.Error("what was bound above is not taken")
	}
	has("bound above", at(3, 42, 43))
	zero := said(2, 1, func(s *Statement) { s.Newest, s.Pruned = watermark.Mark{}, watermark.Mark{} })
	if b.Begin(zero) || !b.Keep(zero) {
		t.Error("a log that begins at zero does not say that nothing was bound")
	}
	if len(Hold(watermark.Mark{Era: 1, Height: 1}, []Signed{high, low}, nil)) > 0 {
		t.Error("where nothing was bound nothing stands against founding")
	}
}

// TestUnsaid: a process whose log was emptied far above keeps what it bound before in the book, and
// so do the processes before it, until something is bound above that.
func TestUnsaid(t *testing.T) {
	at := func(boot, first, newest uint64) Signed {
		return said(1, boot, func(s *Statement) {
			s.Boot, s.Session, s.Pruned = boot, ID{byte(boot)}, watermark.Mark{Era: first, Height: first}
			s.Newest = watermark.Mark{Era: newest, Height: newest}
		})
	}
	b := NewBook(trio())
	var bound []Signed
	for boot := uint64(1); boot <= processes; boot++ {
		bound = slices.Insert(bound, 0, at(boot, 40, 40+boot))
		if !b.Keep(bound[0]) {
			t.Fatalf("start %d is not kept", boot)
		}
	}
	emptied := at(processes, 90, 0)
	again := NewBook(trio())
	if !b.Begin(emptied) {
		t.Error("what is said of an emptied log is not taken")
	}
	for _, s := range b.Held() {
		again.Recall(s, false)
	}
	for _, s := range bound {
		if !slices.Contains(b.Current(), s) || !slices.Contains(again.Current(), s) {
			t.Errorf("gone: start %d", s.Boot)
		}
	}
	if !b.Keep(at(processes, 90, 91)) || len(b.Current()) != 1 {
		t.Errorf("bound above, and it holds %v", b.Current())
	}
}

// TestSaid: a log that was founded anew above all that was signed is dated by what its own members
// say of it, though others go on telling what they stated of the longer one before.
func TestSaid(t *testing.T) {
	b := NewBook(trio())
	var longer, anew []Signed
	for n := byte(1); n <= 3; n++ {
		longer = append(longer, said(n, 1000, nil))
		anew = append(anew, said(n, 5, func(s *Statement) {
			s.Directory, s.Pruned, s.Newest = ID{9}, watermark.Mark{Era: 99, Height: 999}, watermark.Mark{}
		}))
		b.Keep(longer[n-1])
	}
	for i, want := range []uint64{1000, 5, 5} { // what one says of itself is one voice
		b.says(anew[i].Name, anew[i])
		b.says(anew[i].Name, longer[(i+1)%3])                                     // of another
		b.says(anew[i].Name, Sign(testKey(9), said(byte(i+1), 1, nil).Statement)) // by another key
		b.Keep(longer[i])
		if at, ok := b.Position(); !ok || at != want {
			t.Errorf("%d of 3 said so: at %d %v, want %d", i+1, at, ok, want)
		}
	}
	if all := b.Shown(anew[0]); all[0] != anew[0] || len(all) != 4 {
		t.Errorf("shown: %v", all)
	}
	if all := b.Shown(longer[0]); all[0] != longer[0] || len(all) != 3 {
		t.Errorf("shown twice: %v", all)
	}
}

// TestHold: whatever says that the validator signed in the first era or height, or above, holds the
// founding, until an operator disregards it.
func TestHold(t *testing.T) {
	first := watermark.Mark{Era: 50, Height: 500}
	at := func(era, height uint64) Signed {
		return Sign(testKey(9), said(1, 1, func(s *Statement) {
			s.Cluster, s.Newest = ID{2}, watermark.Mark{Era: era, Height: height}
		}).Statement)
	}
	for _, tt := range []struct {
		s     Signed
		holds bool
	}{{at(49, 499), false}, {at(50, 499), true}, {at(49, 500), true}, {at(1e9, 1e9), true}, {at(0, 0), false}} {
		if got := len(Hold(first, []Signed{tt.s}, nil)) > 0; got != tt.holds {
			t.Errorf("%v: holds %v", tt.s, got)
		}
		if len(Hold(first, []Signed{tt.s}, []string{tt.s.ID()})) > 0 {
			t.Errorf("%v: holds though disregarded", tt.s)
		}
	}
	other := said(2, 1, nil)
	if got := Hold(first, []Signed{at(50, 1), at(51, 1)}, nil); len(got) != 1 {
		t.Errorf("one key is named %d times", len(got))
	}
	if got := Hold(first, []Signed{at(50, 1), other}, []string{at(9, 9).ID()}); !slices.Equal(got, []Signed{other}) {
		t.Errorf("%v hold, want the one that is not disregarded", got)
	}
}

// TestUnfollowedReset: of a reset that the own ledger does not follow, as its cluster file has no
// such operator, nothing that is stated of heights stops the votes; all else does.
func TestUnfollowedReset(t *testing.T) {
	h := Holding{Starts: []Start{{Boot: 6, Session: ID{1, 6}, Opened: 95}}, Statement: said(1, 100, func(s *Statement) {
		s.Boot, s.Session, s.Newest.Height = 6, ID{1, 6}, 400
	}).Statement}
	after := func(s *Statement) { s.Resets, s.Newest.Height = 1, 400 }
	era := func(s *Statement) { after(s); s.Newest.Era = 51 }
	for name, tt := range map[string]struct {
		known            []Signed
		unfollowed, want Finding
	}{
		"own, before the reset":         {[]Signed{said(1, 90, nil)}, Sound, Behind},
		"two that followed":             {[]Signed{said(2, 100, after), said(3, 100, after)}, Sound, Behind},
		"two that followed, an era on":  {[]Signed{said(2, 100, era), said(3, 100, era)}, Behind, Behind},
		"two that followed, an entry":   {[]Signed{said(2, 101, after), said(3, 101, after)}, Behind, Behind},
		"own, and more than it started": {[]Signed{said(1, 96, nil)}, Lost, Lost},
	} {
		h.Unfollowed = true
		if got := Judge(h, trio(), tt.known); got.Finding != tt.unfollowed {
			t.Errorf("%s: %d, %q, want %d", name, got.Finding, got.What, tt.unfollowed)
		}
		h.Unfollowed = false
		if got := Judge(h, trio(), tt.known); got.Finding != tt.want {
			t.Errorf("%s, which is followed: %d, %q, want %d", name, got.Finding, got.What, tt.want)
		}
	}
}
