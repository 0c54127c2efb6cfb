// Mutants proves that the safety tests bite: it breaks the code in small named ways, one at a time,
// and demands that a named test turns red for each.
//
// A mutant is a file of this folder (see Parse). It is laid over the source with go build's
// -overlay, so the tree is never written to and runs do not disturb each other. Those that change
// only what functions do are built together, once, and switched on one by one (see bundle); the
// others, and each that is not killed so, have a build of their own. The named tests must first
// pass without a mutant, in the same build.
//
// The program exits with 1 if a mutant survives, is stale (the lines that it replaces are not
// there exactly once), does not build, or if its test does not pass without it. What it does not
// do: find mutants by itself, or judge a test that starts a prebuilt program, which the overlay
// does not reach.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	dir := flag.String("dir", "testnet/mutants", "folder of the .mutant files")
	only := flag.String("only", "", "run only the mutants whose name matches this regular expression")
	limit := flag.Duration("timeout", 90*time.Second, "limit of each test")
	program := flag.String("build", "", "build this program with the one mutant that -only names, and run no test")
	out := flag.String("o", "", "the file to build it into")
	parallel := flag.Int("parallel", 2, "how many run at once")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runner := Runner{Root: ".", Timeout: *limit, Parallel: *parallel}
	var err error
	if *program != "" {
		err = build(ctx, runner, *dir, *only, broken{*program, *out})
	} else {
		err = run(ctx, runner, *dir, *only, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// broken is a program to be built, and the file to build it into.
type broken struct{ program, out string }

// build builds a program with the mutant in dir whose name matches only.
func build(ctx context.Context, runner Runner, dir, only string, b broken) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("reading -only: %w", err)
	}
	mutants, err := load(dir, pattern)
	if err != nil {
		return err
	}
	return runner.Build(ctx, mutants, b)
}

// run judges the mutants in dir whose name matches only and writes a table of the results to out.
func run(ctx context.Context, runner Runner, dir, only string, out io.Writer) error {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("reading -only: %w", err)
	}
	mutants, err := load(dir, pattern)
	if err != nil {
		return err
	}
	results, err := runner.Run(ctx, mutants)
	if err != nil {
		return err
	}

	bad, alone := 0, 0
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "MUTANT\tTEST\tRESULT\tSECONDS")
	for _, r := range results {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%v\t%.1f\n", r.Mutant.Name, r.Mutant.Test, r.Outcome, r.Took.Seconds())
		if r.Outcome != Killed {
			bad++
		}
		if r.Alone {
			alone++
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the table: %w", err)
	}
	for _, r := range results {
		if r.Outcome != Killed {
			_, _ = fmt.Fprintf(out, "\n%s (%s): %v\n%s\n%s", r.Mutant.Name, r.Mutant.File, r.Outcome, r.Mutant.Why, r.Output)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d mutants were not killed", bad, len(results))
	}
	_, err = fmt.Fprintf(out, "%d mutants, all killed; %d of them in a build of their own\n", len(results), alone)
	return err
}

// load reads the mutants of a folder, in the order of their file names. No mutant at all
// is an error.
func load(dir string, pattern *regexp.Regexp) ([]Mutant, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.mutant"))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	var mutants []Mutant
	names := make(map[string]string)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a mutant: %w", err)
		}
		m, err := Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if other, taken := names[m.Name]; taken {
			return nil, fmt.Errorf("reading %s: the name %q is taken by %s", path, m.Name, other)
		}
		names[m.Name] = path
		if pattern.MatchString(m.Name) {
			mutants = append(mutants, m)
		}
	}
	if len(mutants) == 0 {
		return nil, fmt.Errorf("no mutant in %s", dir)
	}
	return mutants, nil
}
