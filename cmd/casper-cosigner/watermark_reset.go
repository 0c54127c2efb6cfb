package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// resetFlags are the flags of watermark reset-heights, as they were typed.
type resetFlags struct {
	operatorFlags
	height, until uint64
	network       string
	version       watermark.Version // network, read
	node, again   string
	without       []string
	reason        *string
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
		Long: `reset-heights has the cosigners forget what they signed at heights that the network
took back, so that other blocks can be signed there. It is right in one case only:
the network itself took back the blocks from a height on, by an emergency restart
that its validators agreed on (a chainspec with hard_reset = true). --height is that
of the first block that was taken back, --until of the last block that the OLD chain
had, both as the network announced them. Do it once, before any node of ours runs on
the new chain.

In every other case it is a double sign: if a node is on a fork, if blocks are
signed too late, if anything is refused that you want signed. Then do not use it.

A height becomes free if as many cosigners hold it in their ledgers as sign. Every
other one stays as it was signed, which costs one finality signature: bring cosigners
that are down back first. Votes are never freed: an era that runs again needs "watermark
instance". What is typed is signed with this operator's key, and each cosigner
verifies that before its ledger follows.`,
		Example: `  casper-cosigner watermark reset-heights --height 7012400 --until 7012893 \
    --network-version 2.0.5 --reason "restart of 2026-11-30, 7012399 is the last block kept"`,
		Args: cobra.NoArgs,
	}
	c.Flags().Uint64Var(&f.height, "height", 0, "height of the first block that the network took back")
	c.Flags().Uint64Var(&f.until, "until", 0, "height of the last block of the old chain, as the network announced it; "+
		"not what status shows")
	c.Flags().StringVar(&f.network, "network-version", "", "protocol version with which the network restarted, as 2.0.5")
	c.Flags().StringVar(&f.node, "from-node", "",
		"base URL of a casper-node on the restarted network: checks that it went back")
	c.Flags().StringVar(&f.again, "again", "", "both heights once more, where nobody can type them: HEIGHT/UNTIL")
	withoutFlag(c, &f.without)
	required(c, "height", "until", "network-version")
	f.reason = reasonFlag(c)
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return f.reset(c) }
	return c
}

func (f *resetFlags) reset(c *cobra.Command) (err error) {
	if f.version, err = watermark.ParseVersion(f.network); err != nil {
		return usageFault(errorf("--network-version: %w", err))
	}
	if f.until < f.height {
		return usageFault(errorf("--until %d is below --height %d: it is the last block of the old chain", f.until, f.height))
	}
	a, err := f.open()
	if err != nil {
		return err
	}
	defer a.close()
	host, err := f.host()
	if err != nil {
		return err
	}
	for _, name := range f.without {
		if m, ok := host.Cluster.Member(name); !ok || m.Role != cluster.Cosigner {
			return usageFault(errorf("--without: no cosigner %q in the cluster file", name))
		}
	}
	lock, err := statedir.Lock(f.resetPath() + ".lock") // of two that look at once, one signs
	if err != nil {
		return errorf("nothing was done: another command for this restart of the network is under way, or %s is not to be "+
			"written: %w", filepath.Dir(f.config), err)
	}
	defer lock.Close()
	r, err := f.kept(host.Cluster, host.Name)
	if err != nil {
		return err
	}
	seen, err := f.look(c, a)
	if err != nil {
		return err
	}
	if r == nil {
		r, err = f.sign(c, a, seen, host)
	} else {
		fmt.Fprintf(c.ErrOrStderr(), "The reset that %s holds is asked for again, as it was signed; --again, --reason and "+
			"--from-node say nothing to it.\n", f.resetPath())
	}
	if err != nil {
		return err
	}
	if seen.Resets < r.Count { // else made looks which one it is
		ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
		defer cancel()
		request := wire.ResetRequest(*r)
		request.Without = f.without
		if _, err := seen.leader.ResetHeights(ctx, request); err != nil {
			return changeFault("resetting the heights", err)
		}
	}
	if err := f.made(c.Context(), a, *r); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "Done: of the heights %d to %d what was shown may be signed again, reset %d by %s. Each "+
		"cosigner's ledger follows within a second or two; `status` says which did not.\n",
		r.Height, r.Until, r.Count, r.Operator)
	return nil
}

// sign says what becomes free, has it typed again, signs that and keeps it.
func (f *resetFlags) sign(c *cobra.Command, a *admin, shown sight, host daemon.Host) (*watermark.Reset, error) {
	key, ok := host.Certificate.PrivateKey.(ed25519.PrivateKey)
	if !ok {
		return nil, errorf("the operator's key is not an Ed25519 key")
	}
	fmt.Fprintf(c.ErrOrStderr(), "The cosigners state:\n%s\n", shown.by)
	if err := f.check(c, shown, host.Cluster); err != nil {
		return nil, err
	}
	seen, err := f.look(c, a) // the log has gone on while the operator typed, and what is signed ages
	if err != nil {
		return nil, err
	}
	if seen.Heights != shown.Heights {
		return nil, &fault{code: exitRefused, hints: []string{"ask again"},
			err: errorf("the cosigners have signed on meanwhile, nothing was done:\n%s", seen.by)}
	}
	if err := f.signedBefore(seen); err != nil {
		return nil, err
	}
	r := watermark.Reset{Height: f.height, Until: f.until, Network: f.version, SeenAt: seen.index,
		Count: seen.Resets + 1, Seen: seen.Seen, Ledgers: seen.Ledgers, First: seen.First,
		Operator: host.Name, Reason: *f.reason}
	if err := r.Within(r.First); err != nil { // below the cluster's first height
		return nil, &fault{code: exitRefused, err: errorf("nothing was done: %w", err)}
	}
	r.Signature = host.Cluster.SignReset(key, r)
	return &r, f.keep(r)
}

// made waits until enough cosigners state that log and ledger have the reset. That of the one that
// leads, which answered, is one word; that of one that has made another, too.
func (f *resetFlags) made(ctx context.Context, a *admin, r watermark.Reset) error {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	for {
		have, contrary := 0, error(nil)
		for _, answer := range a.askFor(ctx, &cosignerv1.StatusRequest{}) {
			last := answer.Status.GetLastReset()
			if answer.Status.GetResets() < r.Count || answer.Status.GetLedgerResets() < r.Count {
				continue
			}
			if answer.Status.GetResets() > r.Count || last.GetHeight() != r.Height || last.GetUntil() != r.Until ||
				wire.NetworkVersion(last.GetNetwork()) != r.Network || last.GetOperator() != r.Operator ||
				last.GetSeenAt() != r.SeenAt {
				contrary = f.contrary(answer)
				continue
			}
			have++
		}
		if have >= a.file.Threshold {
			return nil
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			if contrary != nil {
				return contrary
			}
			return &fault{code: exitNoQuorum, err: errorf("reset %d is made by %s, of %d that must show it", r.Count,
				report.Count(have, "cosigner"), a.file.Threshold), hints: []string{
				"start no node; the same command asks for the same reset again. If it stays so, let the chain pass the heights"}}
		}
	}
}

// contrary refuses to go on beside a cosigner that has made a reset which the others have not.
func (f *resetFlags) contrary(answer report.Answer) error {
	s := answer.Status
	made := report.Count(int(max(s.GetResets(), s.GetLedgerResets())), "reset")
	if last := s.GetLastReset(); last != nil {
		made += fmt.Sprintf(", the last one from %d to %d for %v by %s", last.GetHeight(), last.GetUntil(),
			wire.NetworkVersion(last.GetNetwork()), last.GetOperator())
	}
	return &fault{code: exitRefused, err: errorf("%s has made %s: the others have not, or another one was asked for",
		answer.Name, made), hints: []string{"ask again; if it stays so, it lies, or one that leads shows each a log of its " +
		"own, or two operators looked. If you know that it is compromised, stop it and leave it out with --without " +
		answer.Name + "; else start no node before the chain has passed these heights"}}
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

// look asks every cosigner what its ledger holds, and who leads, until enough say the same: a
// follower learns of a claim a moment later. No one of them is believed, nor the log, which the one
// that leads writes: what the operator signs by it lets heights get a second signature.
func (f *resetFlags) look(c *cobra.Command, a *admin) (s sight, err error) {
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	for {
		answers := a.askFor(ctx, &cosignerv1.StatusRequest{HeightsFrom: &f.height})
		seen, failed := a.sight(answers, report.Range{From: f.height, To: f.until})
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

// unfollowed refuses a reset while a ledger that answers has not made the one before, or has made
// one more. The leader refuses the first as well, also by what it heard of ledgers that do not
// answer here.
func (f *resetFlags) unfollowed(answers []report.Answer, s sight) error {
	made := map[string]uint64{}
	for _, r := range answers {
		if r.Status == nil || slices.Contains(f.without, r.Name) {
			continue
		}
		if made[r.Name] = r.Status.GetLedgerResets(); max(r.Status.GetResets(), made[r.Name]) > s.Resets {
			return f.contrary(r)
		}
	}
	if err := watermark.Followed(s.Resets, made, f.without); err != nil {
		return &fault{code: exitRefused, hints: []string{"ask again; docs/recovery.md, \"When something is wrong\""},
			err: errorf("nothing was done: %w", err)}
	}
	return nil
}

// sight is what the answers come to.
func (a *admin) sight(answers []report.Answer, within report.Range) (s sight, err error) {
	var said []string
	for _, r := range answers {
		if r.Status == nil {
			said = append(said, fmt.Sprintf("  %s: %s", r.Name, r.Error))
			continue
		}
		held := report.SeenBy(r)
		said = append(said, fmt.Sprintf("  %s: its ledger holds %s from %d on, none is kept below %d, %s so far, "+
			"and %q leads", r.Name, report.Count(held.Len(), "height"), within.From, held.From,
			report.Count(int(r.Status.GetResets()), "reset"), r.Status.GetLeader()))
	}
	s.by = strings.Join(said, "\n")
	i := report.Named(answers)
	if i < 0 {
		return s, &fault{code: exitNoQuorum, hints: []string{"`casper-cosigner status`, and ask again"},
			err: errorf("no cosigner leads by the word of more than half of them, nothing was done:\n%s", s.by)}
	}
	s.leader = a.clients[i]
	var ok bool
	if s.Heights, s.index, ok = report.Agreed(answers, a.file.Threshold, within); !ok {
		return s, &fault{code: exitRefused,
			err: errorf("what is bound takes the word of %d ledgers, and how the log stands that of %d cosigners, and fewer "+
				"state the same, nothing was done:\n%s", a.file.Threshold, a.file.Threshold, s.by),
			hints: []string{"bring the cosigners back that do not answer, and ask again; if it stays so, " +
				"`casper-cosigner status`"}}
	}
	return s, nil
}

// check says what becomes free and has it typed again. What a node shows can only speak against it:
// that the network took blocks back nobody but the operator can know.
func (f *resetFlags) check(c *cobra.Command, s sight, file *cluster.File) error {
	r := watermark.Reset{Height: f.height, Until: f.until, Seen: s.Seen}
	switch {
	case r.Past(max(s.Floor, s.Seen.From)):
		return &fault{code: exitRefused, err: errorf("nothing is signed below %d, which is above the last block of the old "+
			"chain, %d: nothing was done", max(s.Floor, s.Seen.From), f.until), hints: []string{
			"`casper-cosigner watermark show`: a floor that you set is lowered by `watermark floor --height " +
				fmt.Sprint(f.until+1) + "`; what is pruned stays: no block is signed until the chain is there"}}
	case s.Seen.Len() == 0 && s.Seen.From <= f.height:
		return &fault{code: exitRefused, err: errorf("of the heights %d to %d enough ledgers hold none, so there is nothing "+
			"to reset%s", f.height, f.until, f.fewer(s)), hints: []string{"`casper-cosigner watermark show`"}}
	}
	if f.node != "" {
		if err := f.askNode(c, file); err != nil {
			return err
		}
	}
	free := report.Count(s.Seen.Len(), "height") + " that were signed"
	if s.Seen.From > f.height {
		free += fmt.Sprintf(", and all from %d to %d, of which nothing is kept", f.height, min(s.Seen.From-1, f.until))
	}
	fmt.Fprintf(c.ErrOrStderr(), `Of the heights %d to %d will be free: %s.
Another block may be signed at each.%s
What is above %[2]d, or was signed since, stays.

That is right only if the network took these blocks back, by a hard reset that its
validators agreed on, and restarted as %[5]v. In every other case it is a double sign.
%[2]d must be the last block of the OLD chain, as the network announced it; not what
"status" shows, which may be the new chain's. And no node of ours may have run on the
new chain yet.

`, f.height, f.until, free, f.fewer(s), f.version)
	return confirmAgain(c, doubt{why: "what is freed may get a second signature",
		numbers: fmt.Sprintf("%d/%d", f.height, f.until), again: f.again})
}

// fewer says how many heights stay since too few ledgers hold them.
func (f *resetFlags) fewer(s sight) string {
	if s.Fewer == 0 {
		return ""
	}
	return fmt.Sprintf("\nToo few ledgers hold %s of these: those stay as they are, and get no other signature.\n"+
		"Bring cosigners back that do not answer or are behind, and ask again, to free them too.",
		report.Count(s.Fewer, "height"))
}

// askNode refuses what a node of the restarted network shows to be a mistake.
func (f *resetFlags) askNode(c *cobra.Command, file *cluster.File) error {
	seen, err := askNode(c.Context(), f.node, file)
	switch {
	case err != nil:
		return err
	case seen.Last.Height >= f.until:
		return &fault{code: exitRefused, err: errorf("the chain is at height %d, and %d is the last of the old one: the "+
			"network did not go back, or has come this far again", seen.Last.Height, f.until), hints: []string{
			"if it did go back, its blocks are past these heights by now: leave them as they are"}}
	case f.height > seen.Next().Height:
		return &fault{code: exitRefused, err: errorf("the chain's next block is %d: from there to %d everything would stay "+
			"as it was signed", seen.Next().Height, f.height-1), hints: []string{
			"--height is that of the first block that the network took back"}}
	}
	return nil
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
