package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/testimony"
)

// TestAgentState: an agent has one folder for what it keeps, whoever starts it. One that is started
// by hand, beside a folder that a service manager gave, does not begin with nothing.
func TestAgentState(t *testing.T) {
	own, given, used := t.TempDir(), t.TempDir(), t.TempDir()
	for _, c := range []struct {
		name, state, given string
		want               string
	}{
		{"settings", "state", "", filepath.Join(own, "state")},
		{"settings, and a service manager", "state", given, filepath.Join(own, "state")},
		{"a service manager", "", given + ":/other", given},
		{"nothing", "", "", own},
	} {
		t.Setenv("STATE_DIRECTORY", c.given)
		f := &AgentFile{State: c.state, dir: own}
		if err := f.openState(used, witnessed(1)); err != nil || filepath.Dir(f.WitnessPath()) != c.want ||
			filepath.Dir(f.RestartPath()) != c.want {
			t.Errorf("%s: %s and %s, %v, want %s", c.name, f.WitnessPath(), f.RestartPath(), err, c.want)
		}
		if _, err := os.Stat(c.want); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	keepsOf(t, used, witnessed(2)).Close()
	for name, c := range map[string]struct {
		file  AgentFile
		given string
		fails bool
	}{
		"by hand":                          {AgentFile{dir: own}, "", true},
		"by hand, with the setting":        {AgentFile{State: "state", dir: own}, "", false},
		"by hand, beside its settings":     {AgentFile{dir: used}, "", false},
		"its unit has another folder":      {AgentFile{dir: own}, given, false},
		"by its unit":                      {AgentFile{dir: own}, used, false},
		"a setting, and beside agent.toml": {AgentFile{State: "state", dir: used}, "", true},
		"a setting, and what its unit had": {AgentFile{State: "state", dir: own}, used, true},
		"a setting that names it":          {AgentFile{State: used, dir: own}, given, false},
	} {
		t.Setenv("STATE_DIRECTORY", c.given)
		err := c.file.openState(used, witnessed(1))
		there := filepath.Join(used, witnessFile) + " is there"
		if c.fails != (err != nil) || err != nil && !strings.Contains(err.Error(), there) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ours := t.TempDir()
	k := keepsOf(t, ours, witnessed(1))
	for _, given := range []string{"", given} {
		t.Setenv("STATE_DIRECTORY", given)
		f := AgentFile{State: "state", dir: own}
		if err := f.openState(ours, witnessed(1)); err != nil {
			t.Errorf("this validator's agent that runs: %v", err)
		}
	}
	k.Close()
	for name, given := range map[string]string{"a setting": "", "a unit": given} {
		t.Setenv("STATE_DIRECTORY", given)
		f := AgentFile{dir: own}
		if given == "" {
			f.State = "state"
		}
		if err := f.openState(ours, witnessed(1)); err == nil || !strings.Contains(err.Error(), ours) {
			t.Errorf("%s, and what an agent of this validator kept: %v", name, err)
		}
	}
}

// witnessed are the cosigners of the nth validator.
func witnessed(n byte) witness.Members {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))
	return witness.Members{Validator: casper.PublicKey{n}, Cluster: witness.ID{n}, Threshold: 1,
		Keys: map[string]witness.Key{"c1": witness.Key(key.Public().(ed25519.PublicKey))}}
}

// keepsOf has an agent keep what a cosigner of that validator stated, and run until it is closed.
func keepsOf(t *testing.T, folder string, m witness.Members) *testimony.Keeper {
	t.Helper()
	k, err := testimony.OpenKeeper(testimony.KeeperConfig{Path: filepath.Join(folder, witnessFile), Members: m})
	if err != nil {
		t.Fatal(err)
	}
	s := witness.Sign(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{m.Cluster[0]}, 32)), witness.Statement{
		Validator: m.Validator, Cluster: m.Cluster, Name: "c1", Boot: 1, Term: 1, Applied: 9,
		Newest: watermark.Mark{Era: 5, Height: 50}, Pruned: watermark.Mark{Era: 1, Height: 1}})
	k.Heard("c1", []*cosignerv1.SignedStatement{wire.Statement(s)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.Run(ctx)
	return k
}
