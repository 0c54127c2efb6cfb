package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"

	"casper-cosigner/testnet/show"
)

// Result is the JSON that --json writes.
type Result struct {
	Seed      uint64       `json:"seed"`
	Started   time.Time    `json:"started"`
	Seconds   float64      `json:"seconds"`
	Versions  Versions     `json:"versions"`
	BlockTime string       `json:"block_time"`
	EraTime   string       `json:"era_time"`
	Acts      []*ActResult `json:"acts"`
	Holds     bool         `json:"holds"` // every claim does
}

// Versions are of what was run.
type Versions struct {
	Node       string `json:"casper_node"`
	Cosigner   string `json:"casper_cosigner"`
	Go         string `json:"go"`
	System     string `json:"system"`
	Processors int    `json:"processors"`
}

// ActResult is what an act showed. Its rounds are those that started from From until before To, by
// the clock of the watched node's log; From is zero for what began with the chain.
type ActResult struct {
	*show.Act
	Network      string           `json:"network,omitempty"` // of --long
	From         time.Time        `json:"from"`
	To           time.Time        `json:"to"`
	Counts       map[string]int64 `json:"counts"`
	Disturbances []Disturbance    `json:"disturbances,omitempty"`
}

// Disturbance is something that was done to a process of ours.
type Disturbance struct {
	What  string    `json:"what"`
	At    time.Time `json:"at"`
	Era   uint64    `json:"era"`
	Round uint32    `json:"round"`
	Into  string    `json:"into"`           // how long after the round's start
	Back  string    `json:"back,omitempty"` // how long after its end the process voted in the others' round again
}

// Write writes it to a file.
func (r Result) Write(path string) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "\t")
	e.SetEscapeHTML(false)
	err := e.Encode(r)
	if err == nil {
		err = os.WriteFile(path, text.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}

func readVersions(ctx context.Context, o Options) (v Versions, err error) {
	v = Versions{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU()}
	if v.Node, err = secondWord(ctx, o.Node, "--version"); err != nil {
		return v, err
	}
	v.Cosigner, err = secondWord(ctx, o.Binary, "version")
	return v, err
}

// secondWord runs a program and returns the second word that it prints; the first is its name.
func secondWord(ctx context.Context, program, arg string) (string, error) {
	out, err := exec.CommandContext(ctx, program, arg).Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", program, err)
	}
	words := bytes.Fields(out)
	if len(words) < 2 {
		return "", fmt.Errorf("asking %s for its version: it printed %q", program, out)
	}
	return string(words[1]), nil
}
