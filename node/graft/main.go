// Command graft puts our edits into the published source of another program, so that none of its
// text has to be in this repository. The edits are a table: file, place, hash of what is replaced,
// our text, and why. New files of ours, and copies of our folders that the table names, come along.
//
// It promises that an edit lands exactly where it was written for, or nothing is written at all:
// the hashes of the crate, of each edited file and of each replaced line must be those of the
// table. A zero-context patch gives no such promise: in a file that has moved by one line it puts
// the code in the wrong place without a word.
//
// It builds nothing and downloads nothing; whether the result works is for the crate's
// own tests to say.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "graft",
		Short:         "puts a table of edits into a published crate",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(applyCommand(), recordCommand(), locateCommand())
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	if err := root.Execute(); err != nil {
		fmt.Fprintf(errOut, "graft: %v\n", err)
		return 1
	}
	return 0
}

// paths are the arguments of a command. What a command does not use is empty.
type paths struct {
	table string // the table of edits; our new files are in files/ beside it
	crate string // the .crate file, as published
	tree  string // folder of the patched source
}

func (p *paths) declare(c *cobra.Command) {
	c.Args = cobra.NoArgs
	c.Flags().StringVar(&p.table, "table", "", "table of edits; our new files are in files/ beside it")
	c.Flags().StringVar(&p.crate, "crate", "", "the .crate file, as published")
	required(c, "table", "crate")
}

func required(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was not declared
		}
	}
}

func applyCommand() *cobra.Command {
	var p paths
	c := &cobra.Command{
		Use:   "apply",
		Short: "write the patched source to a folder, or nothing if anything differs from what the edits were made for",
		RunE:  func(c *cobra.Command, _ []string) error { return apply(p, c.OutOrStdout()) },
	}
	p.declare(c)
	c.Flags().StringVar(&p.tree, "into", "",
		"folder to write: a new one, or an earlier result, whose unchanged files stay untouched")
	required(c, "into")
	return c
}

func recordCommand() *cobra.Command {
	var p paths
	c := &cobra.Command{
		Use:   "record",
		Short: "write the table anew from a copy of the source that was edited by hand",
		RunE:  func(c *cobra.Command, _ []string) error { return record(p, c.OutOrStdout()) },
	}
	p.declare(c)
	c.Flags().StringVar(&p.tree, "tree", "", "the edited copy of the unpacked crate")
	required(c, "tree")
	return c
}

func locateCommand() *cobra.Command {
	var p paths
	c := &cobra.Command{
		Use:   "locate",
		Short: "say where the replaced lines are in another version of the crate",
		RunE:  func(c *cobra.Command, _ []string) error { return locate(p, c.OutOrStdout()) },
	}
	p.declare(c)
	return c
}
