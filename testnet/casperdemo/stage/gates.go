package stage

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"casper-cosigner/testnet"
)

// gateWithin is within which a gate stands.
const gateWithin = 10 * time.Second

// startGates has a gate stand before each node of ours that holds the key, and a watch beside it.
func (s *Stage) startGates(ctx context.Context) error {
	p := s.Pair
	p.Gates, p.Watches = map[string]*testnet.Process{}, map[string]*testnet.Process{}
	for _, l := range []*NodeLog{p.Main, p.Standby} {
		if !s.stock(l.Node.Name) {
			continue
		}
		unitFiles := l.Node.UnitFiles()
		if err := os.MkdirAll(filepath.Dir(unitFiles), 0o700); err != nil {
			return fmt.Errorf("making the folder of %s: %w", l.Node.Name, err)
		}
		gate, err := p.Cluster.Gate(l.Node.Name, unitFiles)
		if err != nil {
			return err
		}
		gate.Path = cmp.Or(s.Gate, gate.Path)
		p.Gates[l.Node.Name] = gate
		if s.Hosts != nil {
			s.Hosts.enter(l.Node.Name, gate)
		}
		if err := s.StartGate(ctx, gate); err != nil {
			return err
		}
		watch := p.Cluster.GateWatch(l.Node.Name)
		p.Watches[l.Node.Name] = watch
		if s.Hosts != nil {
			s.Hosts.enter(l.Node.Name, watch)
		}
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

// detach takes away what gates mounted below a folder: nothing that was mounted by one that is dead
// can be removed.
func detach(folder string) error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("looking what is mounted: %w", err)
	}
	lines := strings.Split(string(mounts), "\n")
	for _, line := range slices.Backward(lines) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[1], folder+"/") {
			continue
		}
		if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil {
			return fmt.Errorf("taking away %s: %w", fields[1], err)
		}
	}
	return nil
}

// closeGates ends the gates, after what watches them.
func (p *Pair) closeGates() (err error) {
	for _, all := range []map[string]*testnet.Process{p.Watches, p.Gates} {
		for _, g := range all {
			err = errors.Join(err, g.Kill())
		}
	}
	return err
}
