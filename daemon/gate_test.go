package daemon_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/claim"
	"casper-cosigner/stock/gate"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
)

// unitFile writes the unit file of a node that signed these, and returns its path.
func (l *local) unitFile(signed ...casper.Echo) string {
	l.t.Helper()
	var text []byte
	for _, m := range signed {
		b, _ := casper.BallotOf(m)
		b.Signature = casper.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(l.seed[:]), m.SignBytes()))
		text = units.Append(text, b)
	}
	path := filepath.Join(l.t.TempDir(), journal.FileName(signed[0].Instance(), l.validator))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// imports has the gate of node-b take over a unit file, into a folder of its own.
func (l *local) imports(within time.Duration, folder, path string) (gate.Imported, error) {
	l.t.Helper()
	const name = "node-b"
	l.write(name, "gate.toml", daemon.GateFile{Cluster: "cluster.toml", Socket: "signer.sock",
		UnitFiles: "storage/casper-test/unit_files", Folder: folder})
	f, err := daemon.ReadGateFile(filepath.Join(l.path, name, "gate.toml"))
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(l.t.Context(), within)
	defer cancel()
	all, err := daemon.ImportUnitFiles(ctx, f, path)
	if len(all) != 1 {
		return gate.Imported{}, err
	}
	return all[0].Imported, errors.Join(all[0].Err, err)
}

// TestGateAsks: a gate asks its agent, which knows the era by what the other agent heard of it, and
// tells a slot that holds another content from one that nobody knows of.
func TestGateAsks(t *testing.T) {
	t.Parallel()
	l := newLocal(t, stockNodes("node-b"))
	l.start(all...)
	a, signed := l.node("node-a"), echo(1, 0, 1)
	l.mustSign(a, signed)
	done, err := l.imports(time.Minute, "one", l.unitFile(signed, echo(1, 1, 2)))
	if err != nil || done.Own != 2 {
		t.Fatalf("imported %+v, %v", done, err)
	}
	l.mustBind(a, echo(1, 1, 1), echo(1, 1, 2))
	_, err = l.imports(time.Minute, "two", l.unitFile(echo(1, 0, 2)))
	if !errors.Is(err, gate.ErrBound) {
		t.Errorf("another content than the slot holds: %v", err)
	}
	held, _ := casper.BallotOf(signed)
	own, _ := casper.BallotOf(echo(1, 0, 2))
	for _, part := range []string{"ALARM", "era 1 round 0", held.Content(), own.Content(), "the floor's era"} {
		if !strings.Contains(fmt.Sprint(err), part) {
			t.Errorf("got %v, want %q in it", err, part)
		}
	}
	index := echo(1, 2, 1)
	index.Validator++
	if _, err := l.imports(time.Minute, "index", l.unitFile(index)); !errors.Is(err, gate.ErrNever) {
		t.Errorf("what is never granted: %v", err)
	}
	other := echo(1, 2, 1)
	other.KeyBlock[0]++
	if _, err := l.imports(time.Second, "three", l.unitFile(other)); err == nil || errors.Is(err, gate.ErrBound) {
		t.Errorf("of an instance that nobody told of: %v", err)
	}
}

// TestStoredIsTold: what a gate stored and told its agent, that and the other agents tell a gate;
// of what is not our validator's nothing.
func TestStoredIsTold(t *testing.T) {
	t.Parallel()
	l := newLocal(t, stockNodes("node-a", "node-b"))
	l.start(all...)
	m := echo(1, 0, 1)
	own, _ := casper.BallotOf(m)
	foreign := own
	foreign.Round++
	own.Signature = casper.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(l.seed[:]), m.SignBytes()))
	gate := l.gate("node-b")
	waitFor(t, "agent", func() bool { return gate.Stored(t.Context(), []casper.Ballot{foreign, own}) == nil })
	for _, name := range []string{"node-b", "node-a"} {
		asker := claim.Asker{Client: l.gate(name)}
		waitFor(t, "message at the agent of "+name, func() bool {
			told, _, err := asker.Signed(t.Context(), m.Instance())
			if err == nil && len(told) > 0 && (len(told) != 1 || told[0] != own) {
				t.Fatalf("told %v", told)
			}
			return err == nil && len(told) == 1
		})
	}
}

// TestImportPassive: what a passive node signed without its gate exists, whoever votes now. Its
// import is granted; what it would sign next is not.
func TestImportPassive(t *testing.T) {
	t.Parallel()
	l := newLocal(t, func(f *cluster.File) {
		stockNodes("node-b")(f)
		f.Failover.Standby = "passive"
	})
	l.start(all...)
	a := l.node("node-a")
	l.mustSign(a, echo(1, 0, 1))
	if done, err := l.imports(time.Minute, "one", l.unitFile(echo(1, 0, 1), echo(1, 1, 2))); err != nil || done.Own != 2 {
		t.Fatalf("imported %+v, %v", done, err)
	}
	l.mustBind(a, echo(1, 1, 1), echo(1, 1, 2))
	l.mustSign(a, echo(1, 2, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	no := new(claim.RefusedError)
	_, err := l.gate("node-b").Claim(ctx, echo(1, 3, 1))
	if !errors.As(err, &no) || no.Reason != cosignerv1.RefusalReason_REFUSAL_REASON_NOT_ACTIVE {
		t.Errorf("a new message of a passive node: %v", err)
	}
}
