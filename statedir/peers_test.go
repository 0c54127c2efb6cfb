package statedir

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/presence"
	"casper-cosigner/rule/watermark"
)

// shown returns a presence of a peer's directory.
func shown(change ...func(*Presence)) Presence {
	p := Presence{Cluster: testCluster, Directory: ID{0xd}, Session: ID{5}, Boot: 5, LastIndex: 110, AppliedIndex: 100}
	for _, f := range change {
		f(&p)
	}
	return p
}

func TestAdmit(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Presence)
		want   presence.Reason // "" is accepted
	}{
		{"same again", func(p *Presence) {}, ""},
		{"same process, older indexes", func(p *Presence) { p.LastIndex, p.AppliedIndex = 1, 1 }, ""},
		{"next boot", func(p *Presence) { p.Boot, p.Session = 6, ID{6} }, ""},
		{"next boot, log ends where it had applied", func(p *Presence) {
			p.Boot, p.Session, p.LastIndex, p.AppliedIndex = 6, ID{6}, 100, 0
		}, ""},
		{"other cluster", func(p *Presence) { p.Cluster = ID{9} }, presence.ReasonCluster},
		{"other directory", func(p *Presence) { p.Directory = ID{9} }, presence.ReasonDirectory},
		{"other directory, higher boot", func(p *Presence) {
			p.Directory, p.Boot, p.Session = ID{9}, 99, ID{6}
		}, presence.ReasonDirectory},
		{"lower boot", func(p *Presence) { p.Boot, p.Session = 4, ID{4} }, presence.ReasonBoot},
		{"lower boot, same session", func(p *Presence) { p.Boot = 4 }, presence.ReasonBoot},
		{"same boot, other session", func(p *Presence) { p.Session = ID{6} }, presence.ReasonSession},
		{"next boot, shorter log", func(p *Presence) { p.Boot, p.Session, p.LastIndex = 6, ID{6}, 99 }, presence.ReasonIndex},
	}
	for _, restart := range []bool{false, true} {
		for _, tt := range tests {
			path := initDir(t)
			d := mustOpen(t, path)
			if err := d.Admit("c2", shown(), Sighting{}); err != nil {
				t.Fatal(err)
			}
			if restart { // without Run or any other goodbye: Admit alone must have stored it
				d.Close()
				d = mustOpen(t, path)
			}
			checkAdmit(t, tt.name, d.Admit("c2", shown(tt.change), Sighting{}), tt.want)
			if tt.want == presence.ReasonIndex { // this one is for good: TestShorterLogStaysRefused
				checkAdmit(t, tt.name+", then the known one", d.Admit("c2", shown(), Sighting{}), presence.ReasonIndex)
			} else if tt.want != "" { // any other must change nothing
				checkAdmit(t, tt.name+", then the known one", d.Admit("c2", shown(), Sighting{}), "")
			}
		}
	}
}

func checkAdmit(t *testing.T, name string, err error, want presence.Reason) {
	t.Helper()
	var refused *PeerError
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: refused: %v", name, err)
	case want != "" && !errors.As(err, &refused):
		t.Errorf("%s: got %v, want a refusal for %q", name, err, want)
	case want != "" && refused.Reason != want:
		t.Errorf("%s: refused for %q, want %q", name, refused.Reason, want)
	case want != "" && (!strings.Contains(err.Error(), "c2") || !strings.Contains(err.Error(), "do not")):
		t.Errorf("%s: text names no peer or no advice: %v", name, err)
	}
}

func TestAdmitCopiedDirectory(t *testing.T) {
	d := mustOpen(t, initDir(t))
	ours := shown(func(p *Presence) { p.Directory = d.ID() })
	checkAdmit(t, "our own directory", d.Admit("c2", ours, Sighting{}), presence.ReasonShared)
	if err := d.Admit("c2", shown(), Sighting{}); err != nil {
		t.Fatal(err)
	}
	err := d.Admit("c3", shown(func(p *Presence) { p.Boot, p.Session = 9, ID{9} }), Sighting{})
	var refused *PeerError
	if !errors.As(err, &refused) || refused.Reason != presence.ReasonShared {
		t.Fatalf("c3 with the directory of c2: %v", err)
	}
}

// TestAdmitRemembersAppliedIndex needs Run for what is remembered across our
// own restart.
func TestAdmitRemembersAppliedIndex(t *testing.T) {
	path := initDir(t)
	synctest.Test(t, func(t *testing.T) {
		d, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		for _, applied := range []uint64{100, 500, 300} {
			if err := d.Admit("c2", at(applied), Sighting{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(persistEvery + time.Millisecond)
		synctest.Wait()
		written, _ := os.ReadFile(d.Path(peersFile))
		if !strings.Contains(string(written), `"applied_index": 500`) {
			t.Fatalf("not written within a second: %s", written)
		}
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
	d := mustOpen(t, path)
	err := d.Admit("c2", shown(func(p *Presence) { p.Boot, p.Session, p.LastIndex = 6, ID{6}, 499 }), Sighting{})
	checkAdmit(t, "log below the highest applied index", err, presence.ReasonIndex)
	if seen, ok := d.Seen("c2"); !ok || seen.Highest != 500 {
		t.Fatalf("seen %+v %v, want 500 as the highest applied index", seen, ok)
	}
}

func TestAdmitUnwritableDirectoryRefuses(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	if err := os.Rename(path, path+".moved"); err != nil { // every write fails from here on
		t.Fatal(err)
	}
	if err := d.Admit("c2", shown(), Sighting{}); err == nil {
		t.Fatal("accepted though it could not be written")
	}
	if _, ok := d.Seen("c2"); ok || d.Presence(0, 0).Pinned != 0 {
		t.Fatal("pinned though it could not be written")
	}
}

// TestPinned: a presence tells how many peers are pinned on disk, and what a peer told last of that
// counts: it shows 0 again once it was shown what stands against founding the cluster. What it told
// before our start does not.
func TestPinned(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	want := func(n uint32) {
		t.Helper()
		if got := d.Presence(0, 0).Pinned; got != n {
			t.Fatalf("%d peers pinned, want %d", got, n)
		}
	}
	want(0)
	self := (*PeerError)(nil)
	if !errors.As(d.Admit("c1", shown(), Sighting{}), &self) || self.Reason != presence.ReasonSelf {
		t.Fatalf("a peer of our own name: %v", self)
	}
	foreign := shown(func(p *Presence) { p.Cluster = ID{9} })
	checkAdmit(t, "another cluster", d.Admit("c2", foreign, Sighting{}), presence.ReasonCluster)
	want(0)
	for _, pinned := range []uint32{0, 2, 0, 1} {
		if err := d.Admit("c2", shown(func(p *Presence) { p.Pinned = pinned }), Sighting{}); err != nil {
			t.Fatal(err)
		}
		if seen, _ := d.Seen("c2"); seen.Pinned != pinned {
			t.Fatalf("c2 has pinned %d as far as we know, want %d", seen.Pinned, pinned)
		}
	}
	want(1)
	if err := d.Admit("c3", shown(func(p *Presence) { p.Directory = ID{0xe} }), Sighting{}); err != nil {
		t.Fatal(err)
	}
	want(2)
	d.Close()
	d = mustOpen(t, path)
	want(2)
	if seen, ok := d.Seen("c2"); !ok || seen.Pinned != 0 {
		t.Fatalf("c2 has pinned %d, by what it told before we started", seen.Pinned)
	}
	next := shown(func(p *Presence) { p.Boot, p.Session, p.Pinned = 6, ID{6}, 1 })
	if err := d.Admit("c2", next, Sighting{}); err != nil {
		t.Fatal(err)
	}
	if seen, _ := d.Seen("c2"); seen.Pinned != 1 {
		t.Fatalf("a newer start of c2 has pinned 1, and we take it for %d", seen.Pinned)
	}
}

// TestCondition: how a process is goes with its presences. That its clock jumped is true of it for
// good, whatever comes late; and none of it is kept.
func TestCondition(t *testing.T) {
	path := initDir(t)
	d := mustOpen(t, path)
	if c := d.Presence(0, 0).Condition; c != (Condition{}) {
		t.Errorf("at first %+v", c)
	}
	d.Show(Condition{Ready: true})
	if c := d.Presence(0, 0).Condition; c != (Condition{Ready: true}) {
		t.Errorf("shows %+v", c)
	}
	for _, c := range []Condition{{}, {Jumped: true}, {Ready: true}} {
		if err := d.Admit("c2", shown(func(p *Presence) { p.Condition = c }), Sighting{}); err != nil {
			t.Fatal(err)
		}
	}
	seen, _ := d.Seen("c2")
	if seen.Condition != (Condition{Jumped: true, Ready: true}) || seen.At.IsZero() {
		t.Errorf("seen %+v", seen)
	}
	d.Close()
	d = mustOpen(t, path)
	if seen, _ := d.Seen("c2"); seen.Condition != (Condition{}) || !seen.At.IsZero() {
		t.Errorf("seen before we started: %+v", seen)
	}
}

func TestAdmitConcurrently(t *testing.T) {
	d := mustOpen(t, initDir(t))
	var wg sync.WaitGroup
	accepted := make(chan ID, 8)
	for i := range 8 { // eight processes claim one boot: at most one is right
		wg.Go(func() {
			session := ID{byte(i + 1)}
			for range 50 {
				if d.Admit("c2", shown(func(p *Presence) { p.Session = session }), Sighting{}) != nil {
					return
				}
			}
			accepted <- session
		})
	}
	wg.Wait()
	close(accepted)
	if n := len(accepted); n != 1 {
		t.Fatalf("%d sessions of one boot were accepted, want 1", n)
	}
}

func TestParsePresence(t *testing.T) {
	want := shown(func(p *Presence) {
		p.First, p.Pinned, p.Condition = watermark.Mark{Era: 3, Height: 4}, 2, Condition{Jumped: true, Ready: true}
	})
	got, err := presence.Parse(want.Proto())
	if err != nil || got != want {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	for name, spoil := range map[string]func(*cosignerv1.Presence){
		"short cluster":  func(p *cosignerv1.Presence) { p.ClusterId = p.ClusterId[:15] },
		"long directory": func(p *cosignerv1.Presence) { p.DirectoryId = append(p.DirectoryId, 0) },
		"no session":     func(p *cosignerv1.Presence) { p.SessionId = nil },
		"zero session":   func(p *cosignerv1.Presence) { p.SessionId = make([]byte, 16) },
		"zero boot":      func(p *cosignerv1.Presence) { p.BootCount = 0 },
	} {
		p := want.Proto()
		spoil(p)
		if _, err := presence.Parse(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := presence.Parse(nil); err == nil {
		t.Error("nil: accepted")
	}
}
