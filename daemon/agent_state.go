package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// openState makes the folder of the settings, if it is not there. Where nothing says which folder
// it is, it fails if one was used before that a service manager gave: who starts an agent by hand
// would have a witness that remembers nothing, or what was long ago, and counts as heard.
func (f *AgentFile) openState(used string) error {
	if f.State != "" {
		_ = os.MkdirAll(resolve(f.dir, f.State), 0o700) // if that fails no file can be written there, which is told
		return nil
	}
	kept := filepath.Join(used, witnessFile)
	if _, err := os.Lstat(kept); givenState() != "" || f.WitnessPath() == kept || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("neither agent.toml nor a service manager says where this agent keeps what the cosigners stated, "+
		"and %s is there: an agent that begins elsewhere has forgotten what was signed. "+
		"Write `state = '%s'` into agent.toml, or start the unit", kept, used)
}
