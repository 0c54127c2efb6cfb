package testimony

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/witness"
)

func openKeeper(t *testing.T, path string, m witness.Members) (*Keeper, string) {
	t.Helper()
	var log bytes.Buffer
	k, err := OpenKeeper(KeeperConfig{Path: path, Members: m, Logger: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k, log.String()
}

// closed writes what there is, as when the agent stops.
func (k *Keeper) closed() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k.Run(ctx)
	_ = k.Close()
}

// TestKeeps: the newest of each member outlives the agent, and the cluster, under the key that it
// was verified with; strangers are not kept.
func TestKeeps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	k, said := openKeeper(t, path, members())
	if !strings.Contains(said, "begins with nothing") {
		t.Errorf("an agent without a file says %q", said)
	}
	forged := says(3, 9, nil)
	forged.Text[len(forged.Text)-1] ^= 1
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil), says(2, 5, nil), says(2, 7, nil),
		forged, stranger(9, 5), nil, {}})
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 9, nil)})
	k.closed()
	k, said = openKeeper(t, path, members())
	if at, ok := k.Position(); !ok || at != 7 || len(k.Shown()) != 2 || said != "" {
		t.Errorf("at %d %v, %d shown, said %q", at, ok, len(k.Shown()), said)
	}

	next := members()
	next.Cluster, next.Keys = witness.ID{2}, map[string]witness.Key{"c1": public(4), "c2": public(5), "c3": public(6)}
	k.closed()
	k, _ = openKeeper(t, path, next)
	if _, ok := k.Position(); ok || len(k.Shown()) != 2 {
		t.Errorf("in the next cluster %d are shown", len(k.Shown()))
	}
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 11, nil), says(4, 1, func(s *witness.Statement) {
		s.Name, s.Cluster = "c1", witness.ID{2}
	})})
	k.closed()
	k, _ = openKeeper(t, path, next)
	k.closed()
	if len(k.Shown()) != 3 {
		t.Errorf("%d are shown, want those of both clusters", len(k.Shown()))
	}
	k, _ = openKeeper(t, path, members())
	if at, _ := k.Position(); at != 7 {
		t.Errorf("back in the first at %d, want it as it was, 7", at)
	}
}

// TestHearsayIsKept: however often an agent is started, and whatever one cosigner tells it of
// another one's later processes, it keeps what that one stated to it.
func TestHearsayIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	process := func(boot byte) *cosignerv1.SignedStatement {
		return says(2, 10+uint64(boot), func(s *witness.Statement) { s.Boot, s.Session = uint64(boot), witness.ID{2, boot} })
	}
	k, _ := openKeeper(t, path, members())
	k.Heard("c2", []*cosignerv1.SignedStatement{process(1)})
	for boot := byte(2); boot < 20; boot++ {
		k.Heard("c1", []*cosignerv1.SignedStatement{process(boot)})
		k.closed()
		k, _ = openKeeper(t, path, members())
		shown := k.Shown()
		if !slices.ContainsFunc(shown, func(s *cosignerv1.SignedStatement) bool { return proto.Equal(s, process(1)) }) {
			t.Fatalf("after %d starts that is not among %d", boot-1, len(shown))
		}
	}
}

// TestDamagedFile: a file that cannot be believed is an error that names it and says what to do.
func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	k, _ := openKeeper(t, path, members())
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil)})
	k.closed()
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Index(sound, []byte(`"text"`)) + 300
	flipped := bytes.Clone(sound)
	flipped[text] = '0' + (flipped[text]+1)%2
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": sound[:len(sound)/2], "a digit of a statement": flipped,
		"another version": bytes.Replace(sound, []byte(`"version": 1`), []byte(`"version": 2`), 1),
	} {
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenKeeper(KeeperConfig{Path: path, Members: members(), Logger: zerolog.Nop()})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move the file away") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCannotWrite: an agent whose disk is full goes on as a witness, and says so once.
func TestCannotWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	var log bytes.Buffer
	k, err := OpenKeeper(KeeperConfig{Path: filepath.Join(dir, "witness.json"), Members: members(),
		Logger: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil)})
	k.write()
	k.write()
	if n := strings.Count(log.String(), "cannot keep"); n != 1 || len(k.Shown()) != 1 {
		t.Errorf("said %d times, %d shown", n, len(k.Shown()))
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	k.write()
	_ = k.Close()
	if k, _ := openKeeper(t, k.Path, members()); len(k.Shown()) != 1 {
		t.Error("not written once that was possible")
	}
}

// TestMembersFirst: of more statements than are looked at the members' come first, and the agent
// says that there are more.
func TestMembersFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	k, _ := openKeeper(t, path, members())
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil), says(2, 10, nil)})
	for n := range byte(most(members())) {
		s := stranger(n+10, 1e6)
		if signed, err := witness.Read(s.Text, s.Key, s.Signature); err != nil || !k.book.Recall(signed, false) {
			t.Fatal(err)
		}
	}
	k.stale = true
	k.closed()
	k, said := openKeeper(t, path, members())
	if n := len(k.Shown()); n != most(members())+2 || !strings.Contains(said, "more statements of this validator") {
		t.Errorf("%d are shown, said %q", n, said)
	}
	r := newRig(t, nil)
	r.HeardAgent("a", k.Shown())
	if n := len(r.Shown()); n != 3 { // the first is empty: it waits, and states nothing itself
		t.Errorf("of the members %d were looked at", n)
	}
}

// TestAgentsTell: what agents show each other of this cluster's cosigners is kept, over a restart,
// and shown; of whoever shows false statements no more are verified in a second than may be kept.
func TestAgentsTell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	knows, _ := openKeeper(t, filepath.Join(t.TempDir(), "witness.json"), members())
	knows.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil), stranger(9, 5)})
	other := members()
	other.Cluster = witness.ID{2}
	k, _ := openKeeper(t, path, other)
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 3, func(s *witness.Statement) { s.Cluster = witness.ID{2} })})
	k.closed()
	k, _ = openKeeper(t, path, members())
	if n := len(k.ShownToAgents()); n != 0 || len(k.Shown()) != 1 {
		t.Errorf("agents are shown %d statements of this cluster", n)
	}
	k.HeardAgent("node-b", knows.ShownToAgents())
	k.closed()
	k, _ = openKeeper(t, path, members())
	if shown := k.ShownToAgents(); len(shown) != 1 || !proto.Equal(shown[0], says(1, 10, nil)) || len(k.Shown()) != 2 {
		t.Errorf("agents are shown %v", shown)
	}
	var forged []*cosignerv1.SignedStatement
	for n := range checks(members()) {
		s := says(2, 20+uint64(n), nil)
		s.Signature[0] ^= 1
		forged = append(forged, s)
	}
	k.HeardAgent("node-c", forged)
	k.HeardAgent("node-c", []*cosignerv1.SignedStatement{says(2, 30, nil)})
	if n := len(k.ShownToAgents()); n != 1 {
		t.Errorf("after as many false ones as may be verified another one is: %d", n)
	}
	k.HeardAgent("node-b", []*cosignerv1.SignedStatement{says(2, 30, nil)})
	if n := len(k.ShownToAgents()); n != 2 {
		t.Errorf("that costs another agent its say: %d", n)
	}
}

// TestOneAgentAFolder: a second agent does not undo what the first one writes. It says what to do,
// and starts once the first is gone.
func TestOneAgentAFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness.json")
	k, _ := openKeeper(t, path, members())
	c := KeeperConfig{Path: path, Members: members(), Logger: zerolog.Nop()}
	if _, err := OpenKeeper(c); err == nil || !strings.Contains(err.Error(), filepath.Dir(path)) ||
		!strings.Contains(err.Error(), "a folder of its own") {
		t.Errorf("a second one: %v", err)
	}
	k.Heard("c1", []*cosignerv1.SignedStatement{says(1, 10, nil)})
	k.closed()
	if k, _ := openKeeper(t, path, members()); len(k.Shown()) != 1 {
		t.Errorf("%d are shown", len(k.Shown()))
	}
}
