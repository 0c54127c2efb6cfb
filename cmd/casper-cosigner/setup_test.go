package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
)

var update = flag.Bool("update", false, "write the shipped examples anew")

const examples = "../../deploy/examples"

// exampleSetup is the cluster of the shipped examples. Nobody has the keys in it.
func exampleSetup() setup {
	return setup{
		chain: "casper", validator: seedPublic(sha256.Sum256([]byte("example"))), threshold: 2, main: "node-a",
		cosigners: []place{{"c1", "10.0.0.1"}, {"c2", "10.0.0.2"}, {"c3", "10.0.0.3"}},
		nodes:     []place{{"node-a", "10.0.1.1"}, {"node-b", "10.0.1.2"}}, operators: []string{"operator"},
		basePort: defaultPort, timing: "measured",
		minEra: 2 * time.Hour, minBlock: 8 * time.Second, grace: 100 * time.Millisecond,
		failover: cluster.DefaultFailover(),
	}
}

// TestExamples demands that the shipped examples are what init writes, but for the keys, which it
// draws at random: these are taken over from the example.
func TestExamples(t *testing.T) {
	s := exampleSetup()
	if *update {
		writeExamples(t, s)
	}
	text, err := os.ReadFile(filepath.Join(examples, "cluster.toml"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := cluster.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m := material{id: f.ID, authority: f.CACertificate, keys: map[string]cluster.Key{}, recipients: map[string]string{}}
	for _, name := range s.members() {
		member, _ := f.Member(name)
		m.keys[name] = member.Key
	}
	for _, c := range f.Cosigners {
		m.recipients[c.Name] = c.ShareRecipient
	}
	if again, err := s.cluster(m).Encode(); err != nil || !bytes.Equal(again, text) {
		t.Errorf("cluster.toml is not what init writes (error %v); run go test -run TestExamples -update", err)
	}
	for member, name := range map[string]string{"c1": "cosigner.toml", "node-a": "agent.toml",
		"operator": "operator.toml"} {
		have, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := s.hostFiles()[member]; want.path != name || !bytes.Equal(have, want.data) {
			t.Errorf("%s is not what init writes; run go test -run TestExamples -update", name)
		}
	}
}

// TestExamplesParse reads the host files by the code that runs them.
func TestExamplesParse(t *testing.T) {
	if _, err := daemon.ReadCosignerFile(filepath.Join(examples, "cosigner.toml")); err != nil {
		t.Error(err)
	}
	if _, err := daemon.ReadAgentFile(filepath.Join(examples, "agent.toml")); err != nil {
		t.Error(err)
	}
	if _, err := daemon.ReadOperatorFile(filepath.Join(examples, "operator.toml")); err != nil {
		t.Error(err)
	}
}

// TestExamplesLeftOut: what the examples show as a comment is a setting too, of the right type.
func TestExamplesLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		into any
		want []string
	}{
		"cosigner.toml": {&daemon.CosignerFile{}, []string{"hook", "listen", "listen_raft", "listen_admin"}},
		"agent.toml":    {&daemon.AgentFile{}, []string{"listen"}},
	} {
		text, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		all := regexp.MustCompile(`(?m)^# ([a-z_]+) = `).ReplaceAllStringFunc(string(text), func(line string) string {
			shown = append(shown, strings.Fields(line)[1])
			return strings.TrimPrefix(line, "# ")
		})
		if err := cluster.DecodeTOML([]byte(all), c.into); err != nil || !slices.Equal(shown, c.want) {
			t.Errorf("%s shows %v, want %v; %v", name, shown, c.want, err)
		}
	}
}

func writeExamples(t *testing.T, s setup) {
	authority, err := cluster.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256([]byte("example"))
	m := material{id: id[:16], authority: string(authority.CertificatePEM()), keys: map[string]cluster.Key{},
		recipients: map[string]string{}}
	for _, name := range s.members() {
		public, _, err := newKey("")
		if err != nil {
			t.Fatal(err)
		}
		m.keys[name] = cluster.Key(public)
	}
	for _, p := range s.cosigners {
		if _, m.recipients[p.name], err = newIdentity(""); err != nil {
			t.Fatal(err)
		}
	}
	text, err := s.cluster(m).Encode()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"cluster.toml": text}
	for _, member := range []string{"c1", "node-a", "operator"} {
		f := s.hostFiles()[member]
		files[f.path] = f.data
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(examples, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
