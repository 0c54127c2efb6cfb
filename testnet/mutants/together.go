package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// together judges mutants in one build of the code for all. It fills in the results of those that
// are killed and leaves the others as they are.
func (r Runner) together(ctx context.Context, scratch string, mutants []Mutant, results []Result) error {
	texts, bundled, err := r.bundles(mutants)
	if err != nil || len(bundled) == 0 {
		return err
	}
	overlay, err := writeOverlay(filepath.Join(scratch, "together"), texts)
	if err != nil {
		return fmt.Errorf("writing the mutants: %w", err)
	}
	packages := make(map[string]bool)
	for _, i := range bundled {
		packages[mutants[i].Test.Package] = true
	}
	programs := r.programs(ctx, overlay, packages)
	green := r.green(ctx, programs, bundled, mutants)

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for _, i := range bundled {
		if !green[mutants[i].Test] {
			continue
		}
		group.Go(func() error {
			start := time.Now()
			output, failed := r.play(ctx, programs[mutants[i].Test.Package], mutants[i].Test, fmt.Sprint(i))
			if judge(output, failed) == Killed && ctx.Err() == nil {
				results[i] = Result{Mutant: mutants[i], Outcome: Killed, Took: time.Since(start), Output: output}
			}
			return ctx.Err()
		})
	}
	return group.Wait()
}

// bundles returns the files that hold all mutants, by their paths, and the numbers of the mutants
// that are in them.
func (r Runner) bundles(mutants []Mutant) (map[string]string, []int, error) {
	files := make(map[string]*bundle)
	var bundled []int
	for i, m := range mutants {
		path, err := filepath.Abs(filepath.Join(r.Root, m.File))
		if err != nil {
			return nil, nil, err
		}
		if files[path] == nil {
			source, err := os.ReadFile(path)
			if err != nil {
				return nil, nil, err
			}
			if files[path], err = newBundle(string(source)); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", m.File, err)
			}
		}
		mutated, err := r.mutate(m)
		if err != nil {
			return nil, nil, err
		}
		// What cannot be parsed shows in a build of its own.
		if err := files[path].add(i, mutated); err == nil {
			bundled = append(bundled, i)
		}
	}
	texts := make(map[string]string)
	for path, file := range files {
		texts[path] = file.String()
		texts[filepath.Join(filepath.Dir(path), "mutant_switch.go")] = file.switchFile()
	}
	return texts, bundled, nil
}

// programs builds the test programs of packages with an overlay, and returns their paths by
// package. One that does not build is told of and left out: its mutants will have builds of their
// own.
func (r Runner) programs(ctx context.Context, overlay string, packages map[string]bool) map[string]string {
	var mutex sync.Mutex
	number := 0
	built := make(map[string]string)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	for p := range packages {
		name := filepath.Join(filepath.Dir(overlay), fmt.Sprint(number, ".test"))
		number++
		group.Go(func() error {
			command := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w",
				"-overlay="+overlay, "-o", name, p)
			command.Dir = r.Root
			printed, failed := execute(ctx, command)
			_, missing := os.Stat(name)
			if failed || missing != nil {
				fmt.Fprintf(os.Stderr, "mutants: %s does not build with all mutants, so each gets its own:\n%s", p, printed)
				return nil
			}
			mutex.Lock()
			defer mutex.Unlock()
			built[p] = name
			return nil
		})
	}
	_ = group.Wait()
	return built
}

// green says which of the tests pass in the shared build while no mutant is switched on.
func (r Runner) green(ctx context.Context, programs map[string]string, bundled []int, mutants []Mutant) map[Test]bool {
	var mutex sync.Mutex
	green := make(map[Test]bool)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.Parallel)
	asked := make(map[Test]bool)
	for _, i := range bundled {
		test := mutants[i].Test
		program, built := programs[test.Package]
		if asked[test] || !built {
			continue
		}
		asked[test] = true
		group.Go(func() error {
			output, failed := r.play(ctx, program, test, "")
			mutex.Lock()
			defer mutex.Unlock()
			green[test] = judge(output, failed) == Survived
			return nil
		})
	}
	_ = group.Wait()
	return green
}

// play runs a test of a program that was built, with one mutant switched on, or none.
func (r Runner) play(ctx context.Context, program string, test Test, mutant string) (string, bool) {
	// The program ends itself after its own limit.
	ctx, cancel := context.WithTimeout(ctx, buildTime+r.Timeout)
	defer cancel()
	command := exec.CommandContext(ctx, program, "-test.paniconexit0", "-test.count=1",
		"-test.timeout="+r.Timeout.String(), "-test.run="+test.Run)
	command.Dir = filepath.Join(r.Root, test.Package)
	command.Env = append(os.Environ(), switchEnvironment+"="+mutant)
	return execute(ctx, command)
}
