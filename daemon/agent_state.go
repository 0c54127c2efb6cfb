package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"casper-cosigner/rule/witness"
	"casper-cosigner/testimony"
)

// witnessFile holds what the cosigners stated, as the agent keeps it.
const witnessFile = "witness.json"

// AgentState is where an agent keeps its state if it is set up as the documentation says, and where
// the shipped unit has it.
const AgentState = "/var/lib/casper-cosigner-agent"

// WitnessPath is where the agent keeps what the cosigners stated.
func (f *AgentFile) WitnessPath() string { return f.statePath(witnessFile) }

// restartFile holds the last restart by order that the agent obeyed.
const restartFile = "restart.json"

// RestartPath is where the agent keeps the last restart by order that it obeyed.
func (f *AgentFile) RestartPath() string { return f.statePath(restartFile) }

// startFile holds how long the node's start took last.
const startFile = "start.json"

// StartPath is where the agent keeps how long its stock node's start took last.
func (f *AgentFile) StartPath() string { return f.statePath(startFile) }

// statePath is a file in the folder of the settings, or else in that which the service manager
// gives the agent for its state, or else beside the settings.
func (f *AgentFile) statePath(name string) string {
	if f.State != "" {
		return filepath.Join(resolve(f.dir, f.State), name)
	}
	if given := givenState(); given != "" {
		return filepath.Join(given, name)
	}
	return resolve(f.dir, name)
}

// givenState is the folder that the service manager gives, empty if there is none.
func givenState() string {
	given, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	return given
}

// openState makes the folder of the settings, if it is not there. It fails if what the cosigners
// stated is kept in another folder that an agent of these settings may have had, and not in this
// one: that of a service manager, the one beside the settings, or used, as it is shipped. Where the
// settings say which folder it is, the shipped one does not count if what lies there is of other
// validators or of an agent that runs. The agent would be a witness that remembers nothing, and
// count as heard.
func (f *AgentFile) openState(used string, m witness.Members) error {
	if f.State != "" {
		_ = os.MkdirAll(resolve(f.dir, f.State), 0o700) // if that fails no file can be written there, which is told
	}
	if _, err := os.Lstat(f.WitnessPath()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if (f.State != "" || givenState() != "") && !testimony.KeptBy(used, witnessFile, m) {
		used = ""
	}
	for _, folder := range []string{givenState(), f.dir, used} {
		kept := filepath.Join(folder, witnessFile)
		if _, err := os.Lstat(kept); folder == "" || kept == f.WitnessPath() || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return fmt.Errorf("there is no %s, and %s is there: an agent that begins with nothing has forgotten what "+
			"was signed. If that file is this agent's, move it there, or name its folder as `state` in agent.toml; if it "+
			"is long stale, move it to another name", f.WitnessPath(), kept)
	}
	return nil
}
