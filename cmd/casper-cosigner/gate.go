package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"casper-cosigner/daemon"
	"casper-cosigner/report"
	"casper-cosigner/stock/gate"
)

// gateConfig is where a gate's settings are unless --config names others.
const gateConfig = "/etc/casper-cosigner/gate.toml"

func gateFlag(c *cobra.Command) *string {
	return c.Flags().String("config", gateConfig, "the gate's settings")
}

func gateRunCommand() *cobra.Command {
	return gateDaemon(&cobra.Command{
		Use:   "run",
		Short: "keep a stock node's unit files until SIGTERM: what the node may not sign, it cannot write",
		Long: `run mounts a file system where the node keeps its unit files. The node writes each
message there before it sends it, and casts no vote that is refused. It needs root,
and a node that runs must be restarted whenever its gate was.`,
		Example: "  casper-cosigner gate run --config /etc/casper-cosigner/gate.toml",
	}, daemon.RunGate)
}

func gateWatchCommand() *cobra.Command {
	return gateDaemon(&cobra.Command{
		Use:     "watch",
		Short:   "abort a gate that hangs, or that is not in the way; until SIGTERM",
		Example: "  casper-cosigner gate watch --config /etc/casper-cosigner/gate.toml",
	}, daemon.WatchGate)
}

func gateDaemon(c *cobra.Command, run func(context.Context, *daemon.GateFile, daemon.Options) error) *cobra.Command {
	c.Args = cobra.NoArgs
	config, level := gateFlag(c), logLevelFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f, err := daemon.ReadGateFile(*config)
		if err != nil {
			return err
		}
		return serve(c, *level, func(ctx context.Context, o daemon.Options) error { return run(ctx, f, o) })
	}
	return c
}

func gateDetachCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "detach",
		Short: "unmount what a gate that ended has left; the node can write nothing then",
		Long: `detach takes the file systems of gates off the node's unit files, dead or alive, and
leaves the empty read-only one below. It is for the gate's service, after the gate.`,
		Example: "  casper-cosigner gate detach",
		Args:    cobra.NoArgs,
	}
	config := gateFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		f, err := daemon.ReadGateFile(*config)
		if err != nil {
			return err
		}
		return gate.Detach(f.UnitFilesPath())
	}
	return c
}

func gateImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "take over unit files that a node wrote without a gate",
		Long: `import claims each message of ours in the files, or in all unit files of a folder,
and keeps a file only if all in it are granted. The newest era comes first, and a
file that fails keeps no other from being claimed. If the gate has a file of that
era, as after a node ran without its gate for a while, it is given what it lacks. If
a slot is bound to another content, two messages were signed for it: then the gate
does not start any more until somebody looked into it. Until the exit code is 0 no
other node of ours may run. Stop the node and the gate before, and run it as root:
while a process writes unit files in that folder it is refused.`,
		Example: "  casper-cosigner gate import /var/lib/casper/casper-node/casper/unit_files",
		Args:    some("a unit FILE, or a folder of them"),
	}
	config := gateFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		f, err := daemon.ReadGateFile(*config)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		all, err := daemon.ImportUnitFiles(ctx, f, args...)
		return printImported(c.OutOrStdout(), all, err)
	}
	return c
}

// printImported lists what came of each file, and returns what is to be done if not all is well.
func printImported(out io.Writer, all []gate.Old, err error) error {
	failed, bound := 0, errors.Is(err, gate.ErrConflict)
	for _, f := range all {
		if f.Err == nil {
			fmt.Fprintf(out, "%s: %s\n", f.Path, importedText(f.Imported))
			continue
		}
		failed++
		bound = bound || errors.Is(f.Err, gate.ErrBound)
		fmt.Fprintf(out, "%s: NOT TAKEN OVER: %s\n", f.Path, strings.ReplaceAll(f.Err.Error(), "\n", "\n  "))
	}
	if failed > 0 {
		err = errors.Join(errorf("%d of %s not taken over, as said above: start no node of ours before this is seen to "+
			"(docs/stock-node.md, \"A node that was run without its gate\")", failed, report.Count(len(all), "unit file")), err)
	}
	switch {
	case bound:
		return &fault{code: exitRefused, err: err}
	case err != nil:
		return err
	}
	fmt.Fprintf(out, "All is granted (%s). Move away what was imported, and start the gate.\n",
		report.Count(len(all), "unit file"))
	return nil
}

func importedText(done gate.Imported) string {
	switch {
	case done.Had && done.Own == 0:
		return "nothing of ours that the gate's file of that era lacks"
	case done.Had:
		return fmt.Sprintf("%d messages of ours, all granted; %d of them were not in the gate's file of that era, "+
			"and are now", done.Own, done.Added)
	}
	return fmt.Sprintf("%d messages of ours, all granted; %d bytes kept, %d cut", done.Own, done.Size, done.Cut)
}
