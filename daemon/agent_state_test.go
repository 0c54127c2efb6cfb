package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		if err := f.openState(used); err != nil || filepath.Dir(f.WitnessPath()) != c.want ||
			filepath.Dir(f.RestartPath()) != c.want {
			t.Errorf("%s: %s and %s, %v, want %s", c.name, f.WitnessPath(), f.RestartPath(), err, c.want)
		}
		if _, err := os.Stat(c.want); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if err := os.WriteFile(filepath.Join(used, witnessFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STATE_DIRECTORY", "")
	err := (&AgentFile{dir: own}).openState(used)
	if err == nil || !strings.Contains(err.Error(), "Write `state = '"+used+"'`") {
		t.Errorf("by hand: %v", err)
	}
	if err := (&AgentFile{State: "state", dir: own}).openState(used); err != nil {
		t.Errorf("by hand, with the setting: %v", err)
	}
	if err := (&AgentFile{dir: used}).openState(used); err != nil {
		t.Errorf("by hand, beside its settings: %v", err)
	}
	t.Setenv("STATE_DIRECTORY", used)
	if err := (&AgentFile{dir: own}).openState(used); err != nil {
		t.Errorf("by its unit: %v", err)
	}
}
