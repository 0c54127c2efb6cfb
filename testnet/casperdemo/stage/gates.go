package stage

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"casper-cosigner/testnet"
)

// gateWithin is within which a gate stands.
const gateWithin = 10 * time.Second

// startGates has a gate stand before each node of ours that holds the key, and a watch beside it.
func (s *Stage) startGates(ctx context.Context) error {
	p := s.Pair
	for _, l := range []*NodeLog{p.Main, p.Standby} {
		unitFiles := l.Node.UnitFiles()
		if err := os.MkdirAll(filepath.Dir(unitFiles), 0o700); err != nil {
			return fmt.Errorf("making the folder of %s: %w", l.Node.Name, err)
		}
		gate, err := p.Cluster.Gate(l.Node.Name, unitFiles)
		if err != nil {
			return err
		}
		p.Gates = append(p.Gates, gate)
		if err := s.StartGate(ctx, gate); err != nil {
			return err
		}
		watch := p.Cluster.GateWatch(l.Node.Name)
		p.Watches = append(p.Watches, watch)
		if err := watch.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// StartGate starts a gate and waits until it stands.
func (s *Stage) StartGate(ctx context.Context, gate *testnet.Process) error {
	stood := gateLog(gate)
	if err := gate.Start(ctx); err != nil {
		return err
	}
	return s.Await(ctx, gateWithin, "the gate "+gate.Name, func() (bool, error) { return gateLog(gate) > stood, nil })
}

// gateLog is how often the gate has said that it stands.
func gateLog(gate *testnet.Process) int {
	text, _ := os.ReadFile(gate.Log)
	return bytes.Count(text, []byte(`the gate stands`))
}

// closeGates ends the gates, after what watches them. What they mounted ends with the mounts of
// this program.
func (p *Pair) closeGates() (err error) {
	for _, g := range slices.Concat(p.Watches, p.Gates) {
		if err = g.Kill(); err != nil {
			return err
		}
	}
	return nil
}
