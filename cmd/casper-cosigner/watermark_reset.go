package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// resetFlags are the flags of watermark reset-heights, as they were typed.
type resetFlags struct {
	operatorFlags
	height      uint64
	node, again string
	without     []string
	reason      *string
}

// withoutFlag leaves out a cosigner that never shows what it can read.
func withoutFlag(c *cobra.Command, names *[]string) {
	c.Flags().StringSliceVar(names, "without", nil, "cosigner that is lost or broken, and did not show that it runs a "+
		"release that knows this; it never starts again with an older one")
}

func watermarkResetCommand() *cobra.Command {
	var f resetFlags
	c := &cobra.Command{
		Use:   "reset-heights",
		Short: "after a hard reset of the network: free the heights that it took back",
		Long: `reset-heights has the cosigners forget what they signed from a height on, so that
other blocks can be signed there. It is right in one case only: the network itself
took back the blocks from that height on, by an emergency restart that its
validators agreed on (a chainspec with hard_reset = true). The height is that of
the first block that was taken back.

In every other case it is a double sign: if a node is on a fork, if blocks are
signed too late, if anything is refused that you want signed. Then do not use it.

Votes are never freed: an era that runs again needs "watermark instance". What is
typed is signed with this operator's key, and each cosigner verifies that before
its ledger follows.`,
		Example: `  casper-cosigner watermark reset-heights --height 7012400 \
    --reason "restart of 2026-11-30, 7012399 is the last block kept"`,
		Args: cobra.NoArgs,
	}
	c.Flags().Uint64Var(&f.height, "height", 0, "height of the first block that the network took back")
	c.Flags().StringVar(&f.node, "from-node", "",
		"base URL of a casper-node on the restarted network: checks that it went back")
	c.Flags().StringVar(&f.again, "again", "", "the height once more, where nobody can type it")
	withoutFlag(c, &f.without)
	required(c, "height")
	f.reason = reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.reset(c) }
	return c
}

func (f *resetFlags) reset(c *cobra.Command) error {
	a, err := f.open()
	if err != nil {
		return err
	}
	defer a.close()
	shown, err := f.look(c, a)
	if err != nil {
		return err
	}
	host, err := f.host()
	if err != nil {
		return err
	}
	key, ok := host.Certificate.PrivateKey.(ed25519.PrivateKey)
	if !ok {
		return errorf("the operator's key is not an Ed25519 key")
	}
	fmt.Fprintf(c.ErrOrStderr(), "The cosigners state:\n%s\n", shown.by)
	if err := f.check(c, shown.Newest, host.Cluster); err != nil {
		return err
	}
	seen, err := f.look(c, a) // the log has gone on while the operator typed, and what is signed ages
	if err != nil {
		return err
	}
	if seen.Heights != shown.Heights {
		return &fault{code: exitRefused, hints: []string{"ask again"},
			err: errorf("the cosigners have signed on meanwhile, nothing was done:\n%s", seen.by)}
	}
	r := watermark.Reset{Height: f.height, Newest: seen.Newest, SeenAt: seen.index, Count: seen.Resets + 1,
		Seen: seen.Seen, First: seen.First, Operator: host.Name, Reason: *f.reason}
	if err := r.Within(r.First); err != nil {
		return &fault{code: exitRefused, err: errorf("nothing was done: %w", err)}
	}
	r.Signature = host.Cluster.SignReset(key, r)
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	_, err = seen.leader.ResetHeights(ctx, &cosignerv1.ResetHeightsRequest{Height: r.Height, Newest: r.Newest,
		SeenAt: r.SeenAt, Count: r.Count, Reason: r.Reason, Signature: r.Signature[:], Without: f.without,
		Seen:  &cosignerv1.HeightsSeen{From: r.From, Bits: []byte(r.Bits)},
		First: &cosignerv1.Mark{Era: r.First.Era, Height: r.First.Height}})
	if err != nil {
		return changeFault("resetting the heights", err)
	}
	fmt.Fprintf(c.OutOrStdout(), "Done: heights from %d on may be signed again, reset %d by %s. Each cosigner's ledger "+
		"follows within a second or two; `status` says which did not.\n", r.Height, r.Count, r.Operator)
	return nil
}

// lookAgain is how long after they disagreed the cosigners are asked again.
const lookAgain = 200 * time.Millisecond

// sight is what enough cosigners state alike.
type sight struct {
	report.Heights
	index  uint64 // of the log, which as many have applied
	by     string // what each states, a line each
	leader cosignerv1.AdminServiceClient
}

// look asks every cosigner how far and where it has signed, and who leads, until enough say the
// same: a follower learns of a claim a moment later. No one of them is believed, for what the
// operator signs by it lets heights get a second signature.
func (f *resetFlags) look(c *cobra.Command, a *admin) (s sight, err error) {
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	for {
		answers := a.askFor(ctx, &cosignerv1.StatusRequest{HeightsFrom: &f.height})
		seen, failed := a.sight(answers, f.height)
		if failed == nil {
			failed = f.unfollowed(answers, seen)
		}
		if failed == nil || err == nil || ctx.Err() == nil { // when time is up, what was seen before says more
			s, err = seen, failed
		}
		if failed == nil {
			return s, nil
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return s, err
		}
	}
}

// unfollowed refuses a reset while a ledger that answers has not made the one before. The leader
// refuses it as well, also by what it heard of ledgers that do not answer here.
func (f *resetFlags) unfollowed(answers []report.Answer, s sight) error {
	made := map[string]uint64{}
	for _, r := range answers {
		if r.Status != nil {
			made[r.Name] = r.Status.GetLedgerResets()
		}
	}
	if err := watermark.Followed(s.Resets, made, f.without); err != nil {
		return &fault{code: exitRefused, hints: []string{"ask again; docs/recovery.md, \"When something is wrong\""},
			err: errorf("nothing was done: %w", err)}
	}
	return nil
}

// sight is what the answers come to.
func (a *admin) sight(answers []report.Answer, from uint64) (s sight, err error) {
	var said []string
	for _, r := range answers {
		if r.Status == nil {
			said = append(said, fmt.Sprintf("  %s: %s", r.Name, r.Error))
			continue
		}
		h := report.HeightsOf(r)
		said = append(said, fmt.Sprintf("  %s: height %d is the newest that was signed, and %s from %d on, %s so far, and "+
			"%q leads", r.Name, h.Newest, report.Count(h.Seen.Len(), "height"), from, report.Count(int(h.Resets), "reset"),
			r.Status.GetLeader()))
	}
	s.by = strings.Join(said, "\n")
	i := report.Named(answers)
	if i < 0 {
		return s, &fault{code: exitNoQuorum, hints: []string{"`casper-cosigner status`, and ask again"},
			err: errorf("no cosigner leads by the word of more than half of them, nothing was done:\n%s", s.by)}
	}
	s.leader = a.clients[i]
	var ok bool
	if s.Heights, s.index, ok = report.Agreed(answers, a.file.Threshold); !ok {
		return s, &fault{code: exitRefused, hints: []string{"ask again; if it stays so, `casper-cosigner status`"},
			err: errorf("fewer than %d cosigners state the same, nothing was done:\n%s", a.file.Threshold, s.by)}
	}
	return s, nil
}

// check says what becomes free and has it typed again. What a node shows can only speak against it:
// that the network took blocks back nobody but the operator can know.
func (f *resetFlags) check(c *cobra.Command, newest uint64, file *cluster.File) error {
	if f.height > newest {
		return &fault{code: exitRefused, err: errorf("height %d: the highest that was signed is %d, so there is nothing to "+
			"reset", f.height, newest), hints: []string{"`casper-cosigner watermark show`"}}
	}
	if f.node != "" {
		seen, err := askNode(c.Context(), f.node, file)
		switch {
		case err != nil:
			return err
		case seen.Last.Height >= newest:
			return &fault{code: exitRefused, err: errorf("the chain is at height %d, and %d is the highest that was signed: "+
				"the network did not go back", seen.Last.Height, newest), hints: []string{
				"if it did go back and has come this far again, what was signed since would be free too: found the cluster anew"}}
		case f.height > seen.Next().Height:
			return &fault{code: exitRefused, err: errorf("the chain's next block is %d: from there to %d everything would stay "+
				"as it was signed", seen.Next().Height, f.height-1), hints: []string{
				"--height is that of the first block that the network took back"}}
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), `Heights %d to %d were signed and will be free: another block may be signed at each.
That is right only if the network took these blocks back, by a hard reset that its
validators agreed on. In every other case it is a double sign.

`, f.height, newest)
	return confirmAgain(c, doubt{why: "what is freed may get a second signature", numbers: fmt.Sprint(f.height),
		again: f.again})
}

func watermarkInstanceCommand() *cobra.Command {
	var f operatorFlags
	var era uint64
	var spec string
	var without []string
	c := &cobra.Command{
		Use:   "instance",
		Short: "after an emergency restart: let nodes vote in an era that runs again",
		Long: `instance names the chainspec under which an era runs again. A node speaks under one
chainspec an era; what it asks for under another is refused as OTHER_INSTANCE, and
"status" shows under which that was. Once it is named, each node has a voice there
too. No slot gets a second value: rounds under another chainspec are other slots,
and what was signed in the first run stays. Three can be named an era.`,
		Example: `  casper-cosigner watermark instance --era 21802 --chainspec 5a0c...e1 --reason "restart of 2026-11-30"`,
		Args:    cobra.NoArgs,
	}
	c.Flags().Uint64Var(&era, "era", 0, "the era that runs again")
	c.Flags().StringVar(&spec, "chainspec", "", "hash of the chainspec, 64 hex digits")
	withoutFlag(c, &without)
	required(c, "era", "chainspec")
	why := reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		hash, err := hex.DecodeString(spec)
		if err != nil || len(hash) != len(casper.Hash{}) {
			return usageFault(errorf("--chainspec %q: want 64 hex digits", spec))
		}
		return f.withLeader(c, func(ctx context.Context, client cosignerv1.AdminServiceClient,
			_ *cosignerv1.StatusResponse) error {
			_, err := client.SetInstance(ctx, &cosignerv1.SetInstanceRequest{Era: era, Chainspec: hash, Reason: *why,
				Without: without})
			if err != nil {
				return changeFault("naming the chainspec", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "Done: in era %d each node may vote under chainspec %x too.\n", era, hash)
			return nil
		})
	}
	return c
}

// host reads the operator's settings and certificate.
func (f *operatorFlags) host() (daemon.Host, error) {
	own, err := daemon.ReadOperatorFile(f.config)
	if err != nil {
		return daemon.Host{}, err
	}
	host, err := own.Host()
	if err != nil {
		return host, err
	}
	return host, checkRole(host, cluster.Operator)
}

// cluster reads the operator's cluster file.
func (f *operatorFlags) cluster() (*cluster.File, error) {
	host, err := f.host()
	return host.Cluster, err
}
