package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
)

func watermarkShowCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use:   "show",
		Short: "show the marks and how many slots are held",
		Args:  cobra.NoArgs,
	}
	f.add(c)
	output := outputFlag(c, "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkOutput(*output, "text"); err != nil {
			return err
		}
		return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
			s *cosignerv1.StatusResponse) error {
			shown := report.NewWatermark(s)
			err := eachHeld(ctx, client, func(_ *cosignerv1.ExportWatermarkResponse, m casper.Message) error {
				shown.Held[m.Kind().String()]++
				return nil
			})
			if err != nil {
				return err
			}
			if *output == "json" {
				return printJSON(c.OutOrStdout(), shown)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "mark\tera\theight\tmeaning\n")
			fmt.Fprintf(w, "pruned\t%d\t%d\tbelow: refused for ever\n", shown.Pruned.Era, shown.Pruned.Height)
			fmt.Fprintf(w, "floor\t%d\t%d\tbelow: what is free is refused\n", shown.Floor.Era, shown.Floor.Height)
			fmt.Fprintf(w, "newest\t%d\t%d\tround %d\n", shown.Newest.Era, shown.Newest.Height, shown.Newest.Round)
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "held: %s, %s, %s\n", report.Count(shown.Held["echo"], "echo"),
				report.Count(shown.Held["vote"], "vote"), report.Count(shown.Held["finality"], "finality signature"))
			if r := shown.Reset; r != nil {
				fmt.Fprintf(c.OutOrStdout(), "heights were reset %s, last %d to %d, for protocol version %s, by %s: %s\n",
					report.Count(int(r.Count), "time"), r.Height, r.Until, r.Network, r.Operator, r.Reason)
			}
			for _, r := range shown.Reruns {
				fmt.Fprintf(c.OutOrStdout(), "era %d runs again under chainspec %s\n", r.Era, r.Chainspec)
			}
			return nil
		})
	}
	return c
}

func watermarkExportCommand() *cobra.Command {
	var f operatorFlags
	var out string
	c := &cobra.Command{
		Use:   "export",
		Short: "write every held slot as a line of JSON",
		Long: `export writes what each slot holds, one JSON object a line, in the form that "sign"
reads; "node" is the node that asked for it. It is a record, not a backup: state is
never restored from it.`,
		Args: cobra.NoArgs,
	}
	f.add(c)
	c.Flags().StringVar(&out, "out", "-", "file to write, which must not exist; - for standard output")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
			_ *cosignerv1.StatusResponse) (err error) {
			w := c.OutOrStdout()
			if out != "-" {
				file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, secretMode)
				if err != nil {
					return errorf("writing the export: %w", err)
				}
				defer func() { err = errors.Join(err, file.Close()) }()
				w = file
			}
			return export(ctx, client, w)
		})
	}
	return c
}

func export(ctx context.Context, client cosignerv1.AdminServiceClient, w io.Writer) error {
	return eachHeld(ctx, client, func(r *cosignerv1.ExportWatermarkResponse, m casper.Message) error {
		line := showMessage(m)
		line.Slot, line.Node = r.GetSlot(), r.GetNode()
		return printJSON(w, line)
	})
}

// eachHeld calls do for every slot that the cosigner holds.
func eachHeld(ctx context.Context, client cosignerv1.AdminServiceClient, do func(*cosignerv1.ExportWatermarkResponse,
	casper.Message) error) error {
	stream, err := client.ExportWatermark(ctx, &cosignerv1.ExportWatermarkRequest{})
	for err == nil {
		var r *cosignerv1.ExportWatermarkResponse
		if r, err = stream.Recv(); err != nil {
			break
		}
		m, err := casper.Decode(r.GetMessage())
		if err != nil {
			return errorf("reading what slot %q holds: %w", r.GetSlot(), err)
		}
		if err := do(r, m); err != nil {
			return err
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return &fault{code: exitUnavailable, err: errorf("reading the held slots: %s", reason(err)),
		hints: []string{"a longer --timeout"}}
}
