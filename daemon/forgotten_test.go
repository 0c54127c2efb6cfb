package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/watermark"
)

// TestOneForgotten: a cluster is founded anew, and one state directory is left as it is until the
// new ones have met it. As it is made anew, too, they refuse it, since they cannot know that nobody
// has founded anything; and say what to do, after which they sign. Once they have they say it no
// more.
func TestOneForgotten(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	l.mustSign(l.node("node-a"), echo(3, 0, 1))
	l.remembered("node-a", "3", all[:3]...)
	again := func(names ...string) {
		for _, name := range names {
			_ = l.stop(name)
		}
		for _, name := range names {
			if err := os.RemoveAll(filepath.Join(l.path, name, "state")); err != nil {
				t.Fatal(err)
			}
			l.initState(name, watermark.Mark{Era: 4, Height: 9})
		}
		l.start(names...)
	}
	refused := func() string {
		for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
			for _, p := range l.status("cosigner-3").GetPeers() {
				if why := p.GetRefuses(); p.GetName() == "cosigner-1" && strings.Contains(why, "another state directory") {
					return why
				}
			}
			if time.Now().After(deadline) {
				t.Fatal("a directory that was made anew is not refused")
			}
		}
	}
	again("cosigner-1", "cosigner-2")
	l.waitPinned("cosigner-1", "cosigner-3")
	l.waitPinned("cosigner-2", "cosigner-3")
	again("cosigner-3")
	if why := refused(); !strings.Contains(why, "make all of them anew once more") {
		t.Errorf("it is refused as %q", why)
	}
	again(all[:3]...)
	if !l.signsWithin(l.node("node-a"), echo(4, 0, 2), patience) {
		t.Fatal("all made anew, they sign nothing")
	}
	again("cosigner-3")
	if why := refused(); strings.Contains(why, "made anew") {
		t.Errorf("once the cluster is founded it is refused as %q", why)
	}
}
