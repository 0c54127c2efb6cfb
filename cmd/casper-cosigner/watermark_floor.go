package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
)

// floorFlags are the flags of watermark floor, as they were typed.
type floorFlags struct {
	operatorFlags
	watermark.Mark
	era, height bool   // given
	node, again string // as of firstFlags
	reason      *string
}

func watermarkFloorCommand() *cobra.Command {
	var f floorFlags
	c := &cobra.Command{
		Use:   "floor",
		Short: "refuse everything below an era and a height",
		Long: `floor sets the era and the height below which everything is refused. What is left
out stays. First stop whatever signs with the PEM. With --from-node what is raised, or
falls, is held against the chain, and once more when the node has a block that was
made after that, so that a node that lags is not believed: at or below the next
block's is refused, since whoever had the PEM may have signed there; and if neither
is given, both are filled in, never below the present floor. A number far above the
chain, or above what was signed where no node is asked, is to be typed again, and
so is one below the present floor: what that refused may then be signed. A floor
that was set by mistake can be moved back, as far as what is pruned.`,
		Example: `  casper-cosigner watermark floor --from-node http://10.0.1.1:8888 --reason "a PEM was found in use"
  casper-cosigner watermark floor --era 21802 --height 7012400 --reason "PEM was in use until then"`,
		Args: cobra.NoArgs,
	}
	c.Flags().Uint64Var(&f.Era, "era", 0, "lowest era that is signed")
	c.Flags().Uint64Var(&f.Height, "height", 0, "lowest block height that is signed")
	c.Flags().StringVar(&f.node, "from-node", "", "base URL of a casper-node that follows the chain")
	c.Flags().StringVar(&f.again, "again", "", "the new floor once more, as ERA/HEIGHT, where nobody can type it")
	c.MarkFlagsOneRequired("era", "height", "from-node")
	f.reason = reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		f.era, f.height = c.Flags().Changed("era"), c.Flags().Changed("height")
		return f.set(c)
	}
	return c
}

// set looks, asks what has to be asked, and only then calls the leader, with a deadline of its own.
func (f *floorFlags) set(c *cobra.Command) error {
	var was watermark.Mark
	var chain watermark.Chain
	err := f.withLeader(c, func(_ context.Context, _ cosignerv1.AdminServiceClient, s *cosignerv1.StatusResponse) error {
		was = floorOf(s)
		chain.Last = watermark.Mark{Era: s.GetNewest().GetEra(), Height: s.GetNewest().GetHeight()}
		return nil
	})
	if err != nil {
		return err
	}
	if f.node != "" {
		file, err := f.cluster()
		if err != nil {
			return err
		}
		seen, err := askNode(c.Context(), f.node, file)
		if err != nil {
			return err
		}
		chain = seen.Chain
	}
	want, err := f.judge(c, was, chain)
	if err != nil {
		return err
	}
	if want, err = f.recheck(c, was, want, time.Now()); err != nil {
		return err
	}
	return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
		s *cosignerv1.StatusResponse) error {
		if now := floorOf(s); now != was {
			return &fault{code: exitRefused, err: errorf("somebody set the floor to era %d height %d meanwhile: nothing was "+
				"done", now.Era, now.Height), hints: []string{"the same command again, if it is still wanted"}}
		}
		r, err := client.SetFloor(ctx, &cosignerv1.SetFloorRequest{Reason: *f.reason,
			Floor: &cosignerv1.Mark{Era: want.Era, Height: want.Height}})
		if err != nil {
			return changeFault("setting the floor", err)
		}
		fmt.Fprintf(c.OutOrStdout(), "Done: floor era %d height %d, was era %d height %d.\n", r.GetFloor().GetEra(),
			r.GetFloor().GetHeight(), was.Era, was.Height)
		return nil
	})
}

func floorOf(s *cosignerv1.StatusResponse) watermark.Mark {
	return watermark.Mark{Era: s.GetFloor().GetEra(), Height: s.GetFloor().GetHeight()}
}

// recheck returns the floor by what the node says once it has a block that was made after the last
// answer, as cosigner init does: what whoever had the PEM signed before it was stopped is then
// below, even if the node lags.
func (f *floorFlags) recheck(c *cobra.Command, was, want watermark.Mark, stopped time.Time) (watermark.Mark, error) {
	if f.node == "" {
		return want, nil
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	file, err := f.cluster()
	if err != nil {
		return want, err
	}
	seen, err := blockAfter(ctx, c.ErrOrStderr(), f.node, file, stopped)
	if err != nil {
		return want, err
	}
	f.again = fmt.Sprintf("%d/%d", want.Era, want.Height) // what had to be typed again was
	return f.judge(c, was, seen.Chain)
}

// judge returns the floor that is wanted, once nothing speaks against it.
func (f *floorFlags) judge(c *cobra.Command, was watermark.Mark, chain watermark.Chain) (watermark.Mark, error) {
	want := was
	if !f.era && !f.height {
		first := chain.First()
		want = watermark.Mark{Era: max(was.Era, first.Era), Height: max(was.Height, first.Height)}
	}
	if f.era {
		want.Era = f.Era
	}
	if f.height {
		want.Height = f.Height
	}
	era, height := chain.Judge(want)
	raised := watermark.Doubt(watermark.NoDoubt)
	if want.Era > was.Era {
		raised = era
	}
	if want.Height > was.Height {
		raised = worse(raised, height)
	}
	low := want.Era != was.Era && era == watermark.TooLow || want.Height != was.Height && height == watermark.TooLow
	switch again := (doubt{numbers: fmt.Sprintf("%d/%d", want.Era, want.Height), again: f.again}); {
	case low && f.node != "":
		next := chain.Next()
		return want, &fault{code: exitRefused, err: errorf("floor era %d height %d is not above the next block's, era %d "+
			"height %d: whoever had the PEM may have signed there", want.Era, want.Height, next.Era, next.Height),
			hints: []string{"--from-node without --era and --height fills in both", "for a floor that was set by mistake, " +
				"without --from-node, only if nothing signed with the PEM there"}}
	case raised == watermark.FarAbove:
		again.why = fmt.Sprintf("era %d or height %d is far above era %d height %d, and nothing below is signed", want.Era,
			want.Height, chain.Last.Era, chain.Last.Height)
		return want, confirmAgain(c, again)
	case want.Era < was.Era || want.Height < was.Height:
		again.why = fmt.Sprintf("the floor falls from era %d height %d: what it refused may then be signed", was.Era,
			was.Height)
		return want, confirmAgain(c, again)
	}
	return want, nil
}

// worse returns what is refused before what is doubted.
func worse(a, b watermark.Doubt) watermark.Doubt {
	if a == watermark.NoDoubt || b == watermark.TooLow {
		return b
	}
	return a
}
