package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/watermark"
)

// firstFlags say from which era and height on a cosigner may sign.
type firstFlags struct {
	watermark.Mark
	given bool   // on the command line
	node  string // base URL of a node that tells where the chain is, empty if none does
	again string // the mark once more, as ERA/HEIGHT
	yes   bool
}

func (f *firstFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.node, "from-node", "",
		"base URL of a casper-node that follows the chain: fills in era and height, or checks them")
	flags.Uint64Var(&f.Era, "first-era", 0, "first era that may be signed")
	flags.Uint64Var(&f.Height, "first-height", 0, "first block height that may be signed")
	flags.StringVar(&f.again, "again", "", "era and height once more, as ERA/HEIGHT, where nobody can type them")
	flags.BoolVar(&f.yes, "yes", false, "do not ask: every process that holds the PEM was stopped")
	c.MarkFlagsRequiredTogether("first-era", "first-height")
}

// settle asks what has to be asked and returns the mark. word is what is typed where nothing is
// doubtful.
//
// A node's word counts only if it is newer than the answer: what whoever held the PEM signed before
// it was stopped is then below, even if the node that is asked lags.
func (f *firstFlags) settle(c *cobra.Command, file *cluster.File, word string) (watermark.Mark, error) {
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	mark, doubtful := f.Mark, true
	if f.node != "" {
		seen, err := askNode(ctx, f.node, file)
		if err != nil {
			return mark, err
		}
		if !f.given {
			mark = seen.First()
		}
		if doubtful, err = f.judge(seen, mark); err != nil {
			return mark, err
		}
		f.warn(c, seen, file)
	}
	f.explain(c, mark, file)
	if err := f.confirm(c, mark, word, doubtful); err != nil || f.node == "" {
		return mark, err
	}
	now, err := f.recheck(ctx, c, file, time.Now())
	if err == nil && now.Era != mark.Era {
		return mark, eraMoved(mark, now)
	}
	return now, err
}

// eraMoved refuses to wait for another era than was agreed to: in the one between nobody of ours
// would say a word.
func eraMoved(was, now watermark.Mark) error {
	return &fault{code: exitRefused, err: errorf("era %d began before there was a block made after your answer, so the "+
		"cosigners could sign from era %d on only: in all of era %d the validator would send no message, and be evicted. "+
		"Nothing was made", was.Era, now.Era, was.Era), hints: []string{
		"start what you stopped again, as it was, and repeat this late in an era, but some blocks before its end",
		fmt.Sprintf("if that era may be lost: --first-era %d --first-height %d, with --from-node", now.Era, now.Height)}}
}

// recheck returns the mark by what the node says once it has a block that was made after the PEM's
// last process was stopped.
func (f *firstFlags) recheck(ctx context.Context, c *cobra.Command, file *cluster.File,
	stopped time.Time) (watermark.Mark, error) {
	seen, err := blockAfter(ctx, c.ErrOrStderr(), f.node, file, stopped)
	if err != nil {
		return f.Mark, err
	}
	mark := f.Mark
	if !f.given {
		mark = seen.First()
	}
	_, err = f.judge(seen, mark)
	return mark, err
}

// thisHost stands for an address that is not known here, and is to be replaced.
const thisHost = "THIS-HOST"

// elsewhere is the flag with which another host checks the same mark: numbers that were right are
// wrong once whoever held the PEM ran again. It is empty if no node was asked here.
func (f *firstFlags) elsewhere() string {
	at, err := url.Parse(f.node)
	if f.node == "" || err != nil {
		return ""
	}
	if ip := net.ParseIP(at.Hostname()); at.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		at.Host = net.JoinHostPort(thisHost, at.Port()) // another one does not reach it so
	}
	return "--from-node " + at.String() + " "
}

// judge refuses a mark that is too low, and reports whether it is far above the chain.
func (f *firstFlags) judge(seen sighting, mark watermark.Mark) (far bool, err error) {
	next := seen.Next()
	era, height := seen.Judge(mark)
	refuse := func(what string, have, next uint64) error {
		return &fault{code: exitRefused, err: errorf("%s %d is not above the next block's, %d: whoever held the PEM may "+
			"have signed there", what, have, next), hints: []string{"--from-node alone fills in both",
			fmt.Sprintf("if era %d and height %d were above the chain when the last process that held the PEM was stopped, "+
				"leave out --from-node and type them again", mark.Era, mark.Height)}}
	}
	switch {
	case era == watermark.TooLow:
		return false, refuse("--first-era", mark.Era, next.Era)
	case height == watermark.TooLow:
		return false, refuse("--first-height", mark.Height, next.Height)
	}
	return era == watermark.FarAbove || height == watermark.FarAbove, nil
}

// warn tells of a node that may hold the PEM itself.
func (f *firstFlags) warn(c *cobra.Command, seen sighting, file *cluster.File) {
	if seen.key == file.Validator.String() {
		fmt.Fprintf(c.ErrOrStderr(), "%s signs as this validator. If it has the PEM and not the cosigners, it is to be\n"+
			"stopped too: then ask another node.\n\n", f.node)
	}
}

// explain says what the mark means, and when whoever holds the PEM is to be stopped.
func (f *firstFlags) explain(c *cobra.Command, mark watermark.Mark, file *cluster.File) {
	w := c.ErrOrStderr()
	fmt.Fprintf(w, `It will sign nothing before era %d and height %d. Both must be later than any era
and height in which a process that holds the validator's PEM ran or will run:
what such a process signed is not known here, and a second value for one of its
slots is a double sign. So stop each of them, on every host, and keep it stopped,
before you answer, and so every cosigner of this validator that ran before, on
whatever host. The cluster starts once all its cosigners state the same.
`, mark.Era, mark.Height)
	if file.StockNodes().Stock() {
		fmt.Fprintf(w, `Stock nodes hold the PEM: each is to be stopped too, and started again behind its gate
only. There it signs blocks at once, and votes from era %d on.
`, mark.Era)
	}
	if f.node != "" && !f.given {
		fmt.Fprintf(w, `Era and height are read again after your answer, from a block made after it. The
cosigners wait for the next era, %d, by themselves: nothing is voted before. So stop
the old node late in an era, and some blocks before its end. If that era begins
before there is such a block, nothing is made: all of it would pass without a
message, for which a validator is evicted.
`, mark.Era)
	}
	fmt.Fprintln(w)
}

// confirm asks for the word, or for the numbers if they are doubtful.
func (f *firstFlags) confirm(c *cobra.Command, mark watermark.Mark, word string, doubtful bool) error {
	if !doubtful {
		return confirm(c, word, f.yes)
	}
	why := fmt.Sprintf("era %d and height %d are far above the chain", mark.Era, mark.Height)
	if f.node == "" {
		why = "without --from-node nothing checks era and height"
	}
	return confirmAgain(c, doubt{why: why, numbers: fmt.Sprintf("%d/%d", mark.Era, mark.Height), again: f.again})
}
