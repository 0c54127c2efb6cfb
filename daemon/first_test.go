package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/statedir"
)

// TestFirst: cosigners that state different first eras and heights do not start. Once the one that
// was mistaken is stated anew they do, and sign nothing below; and then none states anything else.
func TestFirst(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	if err := os.RemoveAll(filepath.Join(l.path, "cosigner-2", "state")); err != nil {
		t.Fatal(err)
	}
	l.initState("cosigner-2", watermark.Mark{Era: 99999, Height: 700})
	for _, name := range others("cosigner-2") {
		if err := l.restate(name, watermark.Mark{Era: 7, Height: 700}); err != nil { // before it ever ran
			t.Fatal(err)
		}
	}
	l.start(all...)
	a := l.node("node-a")
	if l.signsWithin(a, echo(100_000, 0, 1), 3*time.Second) {
		t.Fatal("they started though they state different eras")
	}
	if err := l.restate("cosigner-2", watermark.Mark{Era: 7, Height: 700}); !errors.Is(err, statedir.ErrInUse) {
		t.Errorf("stating another era under a running process: %v", err)
	}
	_ = l.stop("cosigner-2")
	if err := l.restate("cosigner-2", watermark.Mark{Era: 7, Height: 700}); err != nil {
		t.Fatal(err)
	}
	l.start("cosigner-2")
	for _, m := range []casper.Message{echo(6, 0, 1), block(699, 1)} {
		if r := l.sign(a, m); r.GetRefused().GetReason() != cosignerv1.RefusalReason_REFUSAL_REASON_BELOW_FLOOR {
			t.Errorf("%v: got %v", m, r)
		}
	}
	l.mustSign(a, echo(7, 0, 1))
	l.mustSign(a, block(700, 1))
	for _, name := range all[:3] {
		_ = l.stop(name)
		err := l.restate(name, watermark.Mark{Era: 1, Height: 1})
		if err == nil || !strings.Contains(err.Error(), "started") ||
			!strings.Contains(err.Error(), "founded anew") {
			t.Errorf("%s stated another era though the cluster had started, or is not told the way: %v", name, err)
		}
	}
}

// restate has a cosigner that does not run state another first era and height.
func (l *local) restate(name string, first watermark.Mark) error {
	l.t.Helper()
	f, err := daemon.ReadCosignerFile(filepath.Join(l.path, name, "cosigner.toml"))
	if err != nil {
		l.t.Fatal(err)
	}
	self, err := f.Host()
	if err != nil {
		l.t.Fatal(err)
	}
	return f.Restate(self, first)
}
