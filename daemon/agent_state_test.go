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
		err := c.file.openState(used)
		there := filepath.Join(used, witnessFile) + " is there"
		if c.fails != (err != nil) || err != nil && !strings.Contains(err.Error(), there) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
