package hostile

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/wire"
	"casper-cosigner/testnet"
)

// shownBy is how many processes of a cosigner another one shows to whoever pings it that came
// beyond an entry of the log, and the number of the last start among all.
func (r *rig) shownBy(n *Node, by, of string, beyond uint64) (processes int, last uint64) {
	answer, err := n.Ping(r.t.Context(), by, &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{}})
	if err != nil {
		return 0, 0 // it is asked again
	}
	for _, s := range wire.ReadStatements(answer.GetStatements()) {
		if s.Name != of {
			continue
		}
		if last = max(last, s.Boot); s.Applied > beyond {
			processes++
		}
	}
	return processes, last
}

// TestNotForgotten: all are put back while one agent is down that saw what they signed since. They
// go on, and two of them are started again and again. The third, which is not, tells that agent of
// more processes of theirs than it keeps of a cosigner, before it ever asked those: it still knows
// what they stated themselves, and both stop.
func TestNotForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	restarted := r.names[1:]
	signed, restore := r.undo(r.names...)
	r.remembered(testnet.Standby, r.names...)
	had := r.applied(r.names...)
	r.stop(testnet.Main, testnet.Standby)
	if err := os.Remove(r.kept(testnet.Main)); err != nil { // its host was put back, too
		t.Fatal(err)
	}
	restore()
	r.start(testnet.Main)
	r.ready()
	for range signed { // other slots
		r.free.Next()
	}
	n, last := r.node(testnet.Standby), map[string]uint64{}
	for full := false; !full; { // of each, all places that a book has, by logs longer than what was signed
		r.stop(restarted...)
		r.start(restarted...)
		r.ready()
		r.signSome(1)
		full = true
		for _, name := range restarted {
			before, places := last[name], 0
			r.await("c1 was told by "+name, func() bool {
				places, last[name] = r.shownBy(n, "c1", name, had[name])
				return last[name] > before
			})
			full = full && places >= 4
		}
	}
	r.stop(restarted...)
	r.start(testnet.Standby) // the witness, before they are
	r.heldBack("c1", "has lost what it remembered")
	for _, name := range restarted {
		told := regexp.MustCompile(fmt.Sprintf(`"says": "%s in cluster .*, start %d\)`, name, last[name]))
		r.await("c1 told the witness of "+name, func() bool {
			text, _ := os.ReadFile(r.kept(testnet.Standby))
			return told.Match(text)
		})
	}
	r.start(restarted...)
	for _, name := range restarted {
		r.heldBack(name, "has lost what it remembered", "a statement signed by "+name)
	}
	r.nothingTwice(signed, asking)
}
