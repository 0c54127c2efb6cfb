package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds a program with one mutant laid over its source: for those who show what a rule is
// there for. Such a program says that it is broken where it says its version.
func (r Runner) Build(ctx context.Context, mutants []Mutant, b broken) (err error) {
	if len(mutants) != 1 {
		return fmt.Errorf("building %s: it takes one mutant, and %d match", b.program, len(mutants))
	}
	scratch, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("making a scratch folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	overlay, err := r.overlay(mutants[0], filepath.Join(scratch, "0"))
	if err != nil {
		return fmt.Errorf("laying %q over the source: %w", mutants[0].Name, err)
	}
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-overlay="+overlay,
		"-ldflags=-s -w -X main.version=BROKEN", "-o", b.out, b.program)
	command.Dir = r.Root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if printed, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s with %q laid over it: %w\n%s", b.program, mutants[0].Name, err, printed)
	}
	return nil
}
