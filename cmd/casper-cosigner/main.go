// Command casper-cosigner is every role of the product; the subcommand says which one
// runs: a cosigner, the agent beside a casper-node, or one of the tools that make, split,
// inspect and steer.
//
// It promises that no command overwrites a file, that an error says what happened, where and what
// to try, and that the exit code tells a script what kind of error it was. It decides nothing about
// keys, slots or roles: it reads arguments and files, calls the room that does, and prints.
package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// version is set when the program is built.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	started := false
	root.SetFlagErrorFunc(flagFault)
	markStart(root, &started)
	c, err := root.ExecuteC()
	var f *fault
	if err != nil && !started && !errors.As(err, &f) {
		err = usageFault(err) // cobra's own: unknown commands, flags and arguments
	}
	if errors.As(err, &f) && f.code == exitUsage {
		err = &fault{code: exitUsage, err: err, hints: append(f.hints, c.CommandPath()+" --help")}
	}
	return complain(errOut, err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "casper-cosigner",
		Short:         "threshold signer for Casper validators",
		Long:          longHelp,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(
		initCommand(),
		group("keygen", "split a validator key and check the shares", splitCommand(), inspectCommand(), verifyCommand()),
		group("cosigner", "hold a share and give signature shares", cosignerInitCommand(), cosignerRunCommand(),
			cosignerFoundCommand(), cosignerRestateCommand(), cosignerReadmitCommand()),
		group("agent", "serve the casper-node on this host", agentInitCommand(), agentRunCommand()),
		group("gate", "keep a stock casper-node from signing what is not granted", gateRunCommand(), gateWatchCommand(),
			gateImportCommand(), gateDetachCommand(), gateDrillCommand(), gateDrillPartCommand()),
		group("certificate", "certificates of the cluster's own authority", issueCommand()),
		signCommand(),
		statusCommand(),
		group("failover", "which node is active: shown, changed, held and rehearsed",
			failoverStatusCommand(), failoverFaultCommand(), historyCommand(), promoteCommand(),
			modeCommand(), suspendCommand(), holdCommand(), resumeCommand(), drillCommand()),
		group("watermark", "what has been signed", watermarkShowCommand(), watermarkExportCommand(), watermarkFloorCommand(),
			watermarkResetCommand(), watermarkInstanceCommand()),
		group("config", "settings", configCheckCommand()),
		versionCommand(),
	)
	return root
}

const longHelp = `casper-cosigner splits a Casper validator's Ed25519 key over three or more
cosigners. Nodes hold no key; they ask the cosigners for each signature. No slot
ever gets two values.

Exit codes: 0 ok, 1 error, 2 usage, 3 degraded, 4 no quorum, 5 refused,
6 unavailable.`

// group is a command that only holds others.
func group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return usageFault(errorf("%q needs a command", c.CommandPath()))
		},
	}
	c.AddCommand(commands...)
	return c
}

// flagFault is a mistake among a command's flags. After the name of a command that there is not,
// that is the mistake.
func flagFault(c *cobra.Command, err error) error {
	if c.HasSubCommands() && c.Flags().NArg() > 0 {
		return errorf("unknown command %q for %q", c.Flags().Arg(0), c.CommandPath())
	}
	return err
}

// one demands one argument, and names it when it is missing.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return errorf("%s wants %s: %s", c.Name(), what, c.UseLine())
		case 1:
			return nil
		}
		return errorf("%s wants %s, and got %d arguments: %s", c.Name(), what, len(args), c.UseLine())
	}
}

// some demands one argument or more, and names what is missing.
func some(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errorf("%s wants %s: %s", c.Name(), what, c.UseLine())
		}
		return nil
	}
}

// required marks flags that must be given.
func required(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was not declared
		}
	}
}

// markStart notes when a command's own code begins. What fails before that is a mistake in
// the command line.
func markStart(c *cobra.Command, started *bool) {
	if do := c.RunE; do != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			*started = true
			return do(c, args)
		}
	}
	for _, sub := range c.Commands() {
		markStart(sub, started)
	}
}
