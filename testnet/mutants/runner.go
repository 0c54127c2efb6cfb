package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// buildTime is what a test may need on top of its own limit to be built.
const buildTime = 3 * time.Minute

// Runner runs mutants with the go command.
type Runner struct {
	// Root is the module's root.
	Root string
	// Timeout limits each test, without the time to build it.
	Timeout time.Duration
	// Parallel is how many tests run at once.
	Parallel int
}

// Result is what became of a mutant.
type Result struct {
	Mutant  Mutant
	Outcome Outcome
	// Took includes the time to build.
	Took time.Duration
	// Output is what go test printed.
	Output string
}

// Outcome is a verdict over one test run.
type Outcome int

// The outcomes. Killed is the only good one of a mutant, Survived the only good one of a test
// without a mutant.
const (
	// Unbuilt: the code does not build, so no test has seen it.
	Unbuilt Outcome = iota
	// Killed: a test failed.
	Killed
	// Survived: all tests passed.
	Survived
	// NoTest: the package has no test of that name.
	NoTest
	// TimedOut: no test failed in time. A hang is not an assertion.
	TimedOut
	// Unclear: go test failed for another reason.
	Unclear
)

// String names the outcome for the table; all but the good one stand out.
func (o Outcome) String() string {
	switch o {
	case Unbuilt:
		return "DOES NOT BUILD"
	case Killed:
		return "killed"
	case Survived:
		return "SURVIVED"
	case NoTest:
		return "NO SUCH TEST"
	case TimedOut:
		return "TIMED OUT"
	default:
		return "UNCLEAR"
	}
}

var (
	testFails = regexp.MustCompile(`(?m)^\s*--- FAIL: `)
	crashes   = regexp.MustCompile(`(?m)^(panic|fatal error): `)
)

// judge reads the output of one go test run; failed says whether its exit code was not 0. A test
// that crashes counts as one that fails.
func judge(output string, failed bool) Outcome {
	switch {
	case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"):
		return Unbuilt
	case strings.Contains(output, "[no tests to run]"), strings.Contains(output, "[no test files]"):
		return NoTest
	case !failed:
		return Survived
	case strings.Contains(output, "panic: test timed out after"):
		return TimedOut
	case testFails.MatchString(output), crashes.MatchString(output):
		return Killed
	default:
		return Unclear
	}
}

// Baseline runs the tests of all mutants, each once, on the code as it is. They must pass.
func (r Runner) Baseline(ctx context.Context, mutants []Mutant) error {
	var tests []Test
	seen := make(map[Test]bool)
	for _, m := range mutants {
		if !seen[m.Test] {
			seen[m.Test] = true
			tests = append(tests, m.Test)
		}
	}
	faults := make([]error, len(tests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for i, test := range tests {
		group.Go(func() error {
			output, failed := r.test(ctx, test)
			if outcome := judge(output, failed); outcome != Survived {
				faults[i] = fmt.Errorf("without a mutant, %v is not green: %v\n%s", test, outcome, output)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(faults...))
}

// Run judges the mutants. The results are in the order of the mutants. A stale mutant is an error.
func (r Runner) Run(ctx context.Context, mutants []Mutant) ([]Result, error) {
	scratch, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, fmt.Errorf("making a scratch folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()

	overlays := make([]string, len(mutants))
	var stale []error
	for i, m := range mutants {
		folder := filepath.Join(scratch, fmt.Sprint(i))
		if overlays[i], err = r.overlay(m, folder); err != nil {
			stale = append(stale, fmt.Errorf("laying %q over the source: %w", m.Name, err))
		}
	}
	if len(stale) > 0 {
		return nil, errors.Join(stale...)
	}

	results := make([]Result, len(mutants))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for i, m := range mutants {
		group.Go(func() error {
			start := time.Now()
			output, failed := r.test(ctx, m.Test, "-overlay="+overlays[i])
			results[i] = Result{Mutant: m, Outcome: judge(output, failed), Took: time.Since(start), Output: output}
			return ctx.Err()
		})
	}
	return results, group.Wait()
}

// overlay writes the mutated file and the overlay that puts it in place, both into folder, and
// returns the path of the latter.
func (r Runner) overlay(m Mutant, folder string) (string, error) {
	path, err := filepath.Abs(filepath.Join(r.Root, m.File))
	if err != nil {
		return "", err
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	mutated, err := m.Apply(string(source))
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	target := filepath.Join(folder, filepath.Base(path))
	if err := os.WriteFile(target, []byte(mutated), 0o600); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: target}})
	if err != nil {
		return "", err
	}
	name := filepath.Join(folder, "overlay.json")
	return name, os.WriteFile(name, overlay, 0o600)
}

// test runs go test and returns what it printed and whether it failed.
func (r Runner) test(ctx context.Context, test Test, flags ...string) (output string, failed bool) {
	ctx, cancel := context.WithTimeout(ctx, buildTime+r.Timeout)
	defer cancel()
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=" + r.Timeout.String(), "-run", test.Run}, flags...)
	command := exec.CommandContext(ctx, "go", append(args, test.Package)...)
	command.Dir = r.Root
	// A property test that fails, as it should, must not leave its example in the source tree.
	command.Env = append(os.Environ(), "RAPID_NOFAILFILE=true")
	// An interrupted go command ends the test that it runs; a killed one would leave it behind.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	printed, err := command.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		return fmt.Sprintf("%sstopped: %v\n", printed, ctx.Err()), true
	}
	return string(printed), err != nil
}
