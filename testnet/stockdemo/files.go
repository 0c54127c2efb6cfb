package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"casper-cosigner/testnet/casperdemo/stage"
)

// readRounds are those in which files are read.
const readRounds = 3

// read reads the active node's unit files through the gate while it votes, as backups do.
func (s *demo) read(ctx context.Context) error {
	active, _, err := s.hosts(ctx)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(active.Node.UnitFiles(), "unit_*.dat"))
	if err != nil {
		return err
	}
	copied := filepath.Join(s.Dir, "copied.dat")
	for i := range readRounds {
		if err := s.AnInstant(ctx); err != nil {
			return err
		}
		for _, file := range files {
			if err := exec.CommandContext(ctx, "cp", file, copied).Run(); err != nil {
				return fmt.Errorf("copying %s: %w", file, err)
			}
			read, err := exec.CommandContext(ctx, "cat", file).Output()
			if err != nil {
				return fmt.Errorf("reading %s: %w", file, err)
			}
			text, err := os.ReadFile(copied)
			if err != nil {
				return err
			}
			s.Claimf(len(text) > 0 && bytes.HasPrefix(read, text), "%s, time %d: cp took %d bytes, and cat as many or more: %d",
				filepath.Base(file)[:13], i+1, len(text), len(read))
		}
	}
	return s.SomeRounds(ctx, stage.RoundsAfter)
}

// remove stops the active node, ends its gate and deletes what is at the node's unit files, as who
// clears a node's local state does: the gate keeps what was granted elsewhere.
func (s *demo) remove(ctx context.Context) error {
	active, _, err := s.strike(ctx, "kill -9 with its gate, of", func(h host) error {
		if err := h.Node.Kill(); err != nil {
			return err
		}
		return h.gate.Kill()
	})
	if err != nil {
		return err
	}
	s.rm(ctx, active, "under the dead gate")
	config := filepath.Join(s.ClusterDir(), active.Node.Name, "gate.toml")
	if err := s.Pair.Cluster.Command(ctx, "gate", "detach", "--config", config); err != nil {
		return err
	}
	s.rm(ctx, active, "once the gate is detached")
	return s.regate(ctx, active)
}

// rm deletes a node's unit files, or is refused.
func (s *demo) rm(ctx context.Context, h host, when string) {
	out, err := exec.CommandContext(ctx, "rm", "-rf", h.Node.UnitFiles()).CombinedOutput()
	said := strings.ReplaceAll(strings.TrimSpace(string(out)), h.Node.UnitFiles(), "unit_files")
	s.Claimf(err != nil, "rm -rf unit_files %s is refused: %v %s", when, err, said)
}
