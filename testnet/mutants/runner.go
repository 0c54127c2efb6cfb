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
	// Output is what the test printed.
	Output string
	// Alone says that it had a build of its own.
	Alone bool
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
	testsNone = regexp.MustCompile(`(?m)^testing: warning: no tests to run$`)
	crashes   = regexp.MustCompile(`(?m)^(panic|fatal error): `)
)

// judge reads the output of one run of go test, or of a test program; failed says whether its exit
// code was not 0. A test that crashes counts as one that fails.
func judge(output string, failed bool) Outcome {
	switch {
	case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"):
		return Unbuilt
	case strings.Contains(output, "[no tests to run]"), strings.Contains(output, "[no test files]"):
		return NoTest
	case !failed && testsNone.MatchString(output):
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

// Run judges the mutants. The results are in the order of the mutants. A stale mutant is an error,
// and so is a test that is not green without one.
//
// Most are judged in a build that all share (see bundle). Whatever is not killed there, for
// whichever reason, is judged once more by a build of its own, whose verdict counts.
func (r Runner) Run(ctx context.Context, mutants []Mutant) ([]Result, error) {
	if err := r.fit(mutants); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, fmt.Errorf("making a scratch folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()

	results := make([]Result, len(mutants))
	if err := r.together(ctx, scratch, mutants, results); err != nil {
		return nil, err
	}
	var rest []int
	for i := range results {
		if results[i].Outcome != Killed {
			rest = append(rest, i)
		}
	}
	return results, r.alone(ctx, scratch, mutants, rest, results)
}

// fit says which mutants are stale.
func (r Runner) fit(mutants []Mutant) error {
	var stale []error
	for _, m := range mutants {
		if _, err := r.mutate(m); err != nil {
			stale = append(stale, fmt.Errorf("laying %q over the source: %w", m.Name, err))
		}
	}
	return errors.Join(stale...)
}

// mutate returns the mutated text of the mutant's file.
func (r Runner) mutate(m Mutant) (string, error) {
	source, err := os.ReadFile(filepath.Join(r.Root, m.File))
	if err != nil {
		return "", err
	}
	return m.Apply(string(source))
}

// alone judges the mutants of these numbers, each by a build of its own.
func (r Runner) alone(ctx context.Context, scratch string, mutants []Mutant, rest []int, results []Result) error {
	if err := r.baseline(ctx, mutants, rest); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, i := range rest {
		group.Go(func() error {
			start := time.Now()
			overlay, err := r.overlay(mutants[i], filepath.Join(scratch, fmt.Sprint(i)))
			if err != nil {
				return fmt.Errorf("laying %q over the source: %w", mutants[i].Name, err)
			}
			output, failed := r.test(ctx, mutants[i].Test, "-overlay="+overlay)
			results[i] = Result{
				Mutant: mutants[i], Outcome: judge(output, failed), Took: time.Since(start), Output: output, Alone: true,
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// baseline runs the tests of these mutants, each once, on the code as it is. They must pass.
func (r Runner) baseline(ctx context.Context, mutants []Mutant, rest []int) error {
	tests := make(map[Test]bool)
	for _, i := range rest {
		tests[mutants[i].Test] = true
	}
	faults := make(chan error, len(tests))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for test := range tests {
		group.Go(func() error {
			output, failed := r.test(ctx, test)
			if outcome := judge(output, failed); outcome != Survived {
				faults <- fmt.Errorf("without a mutant, %v is not green: %v\n%s", test, outcome, output)
			}
			return nil
		})
	}
	err := group.Wait()
	close(faults)
	for fault := range faults {
		err = errors.Join(err, fault)
	}
	return err
}

// overlay writes the mutated file and what puts it in place into a new folder, and returns the path
// of the latter.
func (r Runner) overlay(m Mutant, folder string) (string, error) {
	path, err := filepath.Abs(filepath.Join(r.Root, m.File))
	if err != nil {
		return "", err
	}
	mutated, err := r.mutate(m)
	if err != nil {
		return "", err
	}
	return writeOverlay(folder, map[string]string{path: mutated})
}

// writeOverlay writes texts that stand in for the files of these paths, and the list of them that
// go build reads, into a new folder, and returns the path of the latter.
func writeOverlay(folder string, texts map[string]string) (string, error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for path, text := range texts {
		target := filepath.Join(folder, fmt.Sprint(len(replace), "_", filepath.Base(path)))
		if err := os.WriteFile(target, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[path] = target
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": replace})
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
	return execute(ctx, command)
}

// execute runs a command and returns what it printed and whether it failed.
func execute(ctx context.Context, command *exec.Cmd) (string, bool) {
	// A property test that fails, as it should, must not leave its example in the source tree.
	command.Env = append(command.Environ(), "RAPID_NOFAILFILE=true")
	// An interrupted go command ends the test that it runs; a killed one would leave it behind.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	printed, err := command.CombinedOutput()
	if err != nil && ctx.Err() != nil {
		return fmt.Sprintf("%sstopped: %v\n", printed, ctx.Err()), true
	}
	return string(printed), err != nil
}
