package daemon_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/daemon"
	"casper-cosigner/keygen"
	"casper-cosigner/rule/casper"
)

// resplit gives a cosigner its share of another split of the validator's key.
func (l *local) resplit(name string) {
	l.t.Helper()
	_, shares, err := keygen.Split(l.seed, l.File.Threshold, len(l.File.Cosigners), rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	entry, _ := l.File.Cosigner(name)
	l.writeShare(name, keygen.NewShareFile(shares[entry.Share-1], 1, fmt.Sprintf("%x", []byte(l.File.ID))))
}

// TestSharesOfTwoSplits: one cosigner has a share of another split. All say so before anything is
// to be signed, the two others sign without a bad share, and the one does not stay the leader. With
// its own share back it signs again.
func TestSharesOfTwoSplits(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	wrong := "cosigner-1" // the first that others hand over to
	right, err := os.ReadFile(filepath.Join(l.path, wrong, "share.age"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := os.ReadFile(filepath.Join(l.path, wrong, "share.identity"))
	if err != nil {
		t.Fatal(err)
	}
	l.resplit(wrong)
	metrics := map[string]string{}
	for _, c := range l.File.Cosigners {
		metrics[c.Name] = freeAddress(t)
		l.writeCosigner(c.Name, func(f *daemon.CosignerFile) { f.Metrics = metrics[c.Name] })
	}
	says := func(name, figure string) bool {
		return strings.Contains(get(t, metrics[name], "/metrics"), "\ncasper_cosigner_"+figure+"\n")
	}
	apart := func(by, of, is string) {
		t.Helper()
		waitFor(t, "split of "+of, func() bool { return says(by, fmt.Sprintf("peer_other_split{peer=%q} %s", of, is)) })
	}
	leads := func(names ...string) (leader string) {
		t.Helper()
		waitFor(t, "leader", func() bool {
			i := slices.IndexFunc(names, func(name string) bool { return says(name, "is_leader 1") })
			leader = names[max(i, 0)]
			return i >= 0
		})
		return leader
	}
	a := l.node("node-a")
	signs := func(m casper.Message) {
		t.Helper()
		waitFor(t, "signature", func() bool { return l.signsWithin(a, m, 2*time.Second) })
	}
	l.start(all...)
	apart("cosigner-2", wrong, "1")
	apart("cosigner-3", wrong, "1")
	apart(wrong, "cosigner-2", "1")
	apart(wrong, "cosigner-3", "1")
	signs(echo(1, 0, 1))
	if split := l.status(wrong).GetSplit(); len(split) != 8 || bytes.Equal(split, l.status("cosigner-2").GetSplit()) {
		t.Errorf("the splits are %x and %x", split, l.status("cosigner-2").GetSplit())
	}

	// The two with one split go on, also after the other one was made to lead.
	for led := false; !led; {
		leader := leads("cosigner-2", "cosigner-3")
		_ = l.stop(leader)
		led = leads(slices.DeleteFunc([]string{wrong, "cosigner-2", "cosigner-3"},
			func(name string) bool { return name == leader })...) == wrong
		l.start(leader)
		apart(leader, wrong, "1") // it is up, and has caught up
	}
	leads("cosigner-2", "cosigner-3")
	for i := range uint32(5) {
		signs(echo(1, i+1, 1))
	}
	for name := range metrics {
		if !says(name, "bad_shares_total 0") {
			t.Errorf("%s got bad shares", name)
		}
	}

	_ = l.stop(wrong)
	l.writeFile(wrong, "share.age", right)
	l.writeFile(wrong, "share.identity", identity)
	l.start(wrong)
	apart("cosigner-2", wrong, "0")
	_ = l.stop("cosigner-3")
	signs(echo(1, 10, 1))
}
