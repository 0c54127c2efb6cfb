package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/launcher"
)

// drillWithin is how long a drill may take; one of casper-node 2.0.3 takes a minute and a half.
const drillWithin = 20 * time.Minute

func gateDrillCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "drill",
		Short: "show that a casper-node writes each message before it sends it: only then it gets the key",
		Long: `drill runs a casper-node's program twice, as a throw-away network without a way out of
this host: once behind a gate, once to listen. It must not send what is held, nor what
is refused. The result is kept by the program's SHA-256, in a file that may be copied
to another host's folder of results. It needs root and FUSE, a gigabyte of memory and
of disk in TMPDIR, and takes two minutes or so.

Without --node it drills the version that casper-node-launcher runs and all that are
staged after it, as far as they have no result. What a program did that did not pass is
kept in TMPDIR, until it is drilled again.

Exits with 0 if all passed, 5 if one did not, 1 if nothing could be found out.`,
		Example: `  casper-cosigner gate drill
  casper-cosigner gate drill --node /var/lib/casper/bin/2_2_2/casper-node`,
		Args: cobra.NoArgs,
	}
	binary := c.Flags().String("node", "", "the program; default is whatever is staged and has no result")
	version := c.Flags().String("version-dir", "", "the folder with its chainspec.toml and config.toml "+
		"(default that of the same version in /etc/casper)")
	results := c.Flags().String("results", drill.Folder, "the folder of results")
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		d := driller{launcher.Default(), drill.Results(*results), c.OutOrStdout()}
		lock, err := d.results.Lock()
		if err != nil {
			return err
		}
		defer lock.Close()
		if *binary == "" {
			if *version != "" {
				return usageFault(errorf("--version-dir wants --node"))
			}
			return d.staged(ctx)
		}
		if *version == "" {
			*version = filepath.Join(d.folders.Settings, filepath.Base(filepath.Dir(*binary)))
		}
		return d.one(ctx, *binary, *version)
	}
	return c
}

// driller drills programs of this host.
type driller struct {
	folders launcher.Folders
	results drill.Results
	out     io.Writer
}

// staged drills what runs or will, and has no result.
func (d driller) staged(ctx context.Context) (err error) {
	const other = "install casper-node as casper-node-launcher wants it, or name a program: gate drill --node FILE"
	all, err := d.folders.Upcoming()
	if err != nil {
		return withHint(err, other)
	}
	if len(all) == 0 {
		return withHint(errorf("no casper-node is staged in %s", d.folders.Binaries), other)
	}
	for _, v := range all {
		err = errors.Join(err, d.unlessPassed(ctx, v))
	}
	return err
}

func (d driller) unlessPassed(ctx context.Context, v launcher.Version) error {
	hash, err := hashOf(d.folders.Binary(v))
	if err != nil {
		return err
	}
	r, ok, err := d.results.Of(hash)
	switch {
	case err != nil || !ok: // what cannot be read is replaced
	case r.Passed:
		fmt.Fprintf(d.out, "%v has passed: %s, on %s\n", v, r.Version, r.At.Format(time.DateOnly))
		return nil
	default:
		return &fault{code: exitRefused, err: fmt.Errorf("%v did not pass on %s, and gets no key: %s", v,
			r.At.Format(time.DateOnly), r.Why)}
	}
	return d.one(ctx, d.folders.Binary(v), filepath.Dir(d.folders.Config(v)))
}

// one drills a program, and keeps what was found out.
func (d driller) one(ctx context.Context, binary, version string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	hash, err := hashOf(binary)
	if err != nil {
		return err
	}
	// One folder for each program, so that a drill that is tried again and again fills no disk.
	work := filepath.Join(os.TempDir(), fmt.Sprintf("casper-drill-%x", hash[:8]))
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o711)); err != nil {
		return err
	}
	if err := os.Chmod(work, 0o711); err != nil { // for nobody, as whom the program runs, to pass through
		return err
	}
	fmt.Fprintf(d.out, "drilling %s\n", binary)
	r, err := drill.Run(ctx, drill.Settings{Binary: binary, Version: version, Work: work, Within: drillWithin,
		Self: []string{self, "gate", "drill-part"}, Tell: d.out})
	var v *drill.Violation
	switch {
	case errors.As(err, &v):
		err = fmt.Errorf("%s did not pass, and gets no key: %w (see %s)", binary, err, work)
		return errors.Join(&fault{code: exitRefused, err: err}, d.results.Keep(r))
	case err != nil:
		return fmt.Errorf("drilling %s: %w (see %s)", binary, err, work)
	}
	if err := errors.Join(d.results.Keep(r), os.RemoveAll(work)); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "passed: kept in %s\n", filepath.Join(string(d.results), r.SHA256+".json"))
	return nil
}

func hashOf(path string) (h [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return [sha256.Size]byte(sum.Sum(nil)), err
}

// gateDrillPartCommand is how a drill starts its parts.
func gateDrillPartCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "drill-part",
		Short:  "play a part of a drill; only for drill itself",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return drill.Part(c.Context(), c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
}
