package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

const (
	askedAgain = 50 * time.Millisecond
	answeredIn = 5 * time.Second
)

// Judges asks everybody who is not ours: nodes, blocks, unit files; and then the cosigners for what
// the chain shows.
func (s *Stage) Judges(ctx context.Context) error {
	p := s.Pair
	if err := s.judgeStanding(ctx); err != nil {
		return err
	}
	// In the middle of a round, so that only the newest is not over.
	if err := s.SomeRounds(ctx, 1); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, s.BlockTime/2); err != nil {
		return err
	}
	if err := p.endNetwork(); err != nil {
		return err
	}
	s.Sayf("the nodes are stopped, at height %d", p.Record().Height())
	ends := p.Network.Unwanted()
	if bugs := p.Launcher.Bugs(Window{}); len(s.Stock) > 0 { // others are an end as any other
		left := bugs
		ends = slices.DeleteFunc(ends, func(end string) bool {
			known := left > 0 && strings.HasSuffix(end, fmt.Sprintf(": exit %d", exitPanic))
			if known {
				left--
			}
			return known
		})
		s.Count("exits_known", bugs)
		s.Sayf("ends by the known bug of casper-node 2.0.3, %q, after which a launcher starts the node again: %d",
			knownBug, bugs)
	}
	s.Claimf(len(ends) == 0, "no node ended by itself%s", List(": ", ends))
	restarts := p.Cluster.Restarts()
	s.Count("cosigner_restarts", len(restarts))
	for _, why := range restarts { // as one does whose disk hangs; the harness starts it again, as a service manager would
		s.Sayf("not part of the show, a process ended by itself and was started again: %s", why)
	}
	found, err := s.judgeChain(ctx)
	if err != nil {
		return err
	}
	if len(s.Stock) == 0 { // stock nodes ask nobody for finality signatures, and are given none
		err = s.askHeld(ctx, found)
	}
	if err != nil {
		return err
	}
	return s.ClosePair()
}

// judgeStanding tells what the other validators hold against us.
func (s *Stage) judgeStanding(ctx context.Context) error {
	p := s.Pair
	faults, conflicts := 0, 0
	for _, r := range p.Records {
		faults += len(r.Faults())
		conflicts += len(r.Conflicts())
	}
	s.Claimf(faults == 0, "no Fault at any of the %d other validators: %d", len(p.Records), faults)
	s.Claimf(conflicts == 0, "no second finality signature at a height: %d", conflicts)
	ours := 0
	for _, n := range p.Foreign {
		changes, err := n.ValidatorChanges(ctx)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Validator == p.Ours {
				ours++
				s.Sayf("%s: era %d: %s", n.Name, c.Era, c.Change)
			}
		}
	}
	s.Claimf(ours == 0, "/validator-changes of the others says nothing of us: %d entries", ours)
	blamed, eras := 0, 0
	for _, b := range p.Record().Blocks() {
		if end := b.Block.End; end != nil {
			eras++
			if slices.Contains(end.Equivocators, p.Ours) || slices.Contains(end.Inactive, p.Ours) || !slices.Contains(end.Next,
				p.Ours) {
				blamed++
			}
		}
	}
	s.Claimf(blamed == 0, "%d ends of eras: none names us an equivocator or inactive, or leaves us out of the next era",
		eras)
	return nil
}

// judgeChain has everything judged once more, from the first block to the last.
func (s *Stage) judgeChain(ctx context.Context) (Findings, error) {
	a, found, err := s.JudgeRounds(ctx, Window{})
	if err != nil {
		return found, err
	}
	s.sayAccount(a, s.Pair.mayLose)
	f := s.finality(Window{})
	s.sayFinality(f, s.Pair.mayMiss)
	s.Count("blocks_citable", f.cited)
	s.Count("blocks_citing_us", f.cited-len(f.unrewarded))
	s.Claimf(len(f.unrewarded) <= s.Pair.mayMiss, "rewarded_signatures: later blocks cite ours of %d of %d blocks%s",
		f.cited-len(f.unrewarded), f.cited, List(", not ", f.unrewarded))
	s.Count("messages", found.Messages)
	s.Count("contradictions", len(found.Contradictions))
	s.Count("evidence", len(found.Evidence))
	s.Claimf(found.Clean && len(found.Evidence) == 0, "the judge read the unit files of the others: %d messages of "+
		"ours, %d contradictions, %d evidence, %d not signed by the key, %d files damaged",
		found.Messages, len(found.Contradictions), len(found.Evidence), len(found.Invalid), len(found.Damaged))
	if len(s.Stock) > 0 {
		return found, nil
	}
	var l testnet.Latencies
	for _, answer := range s.AnsweredSince(time.Time{}) {
		l = append(l, answer.Took)
	}
	s.Sayf("a signature as the nodes saw it, all acts: %d, p50 %s, p99 %s, max %s",
		len(l), testnet.Millis(l.Quantile(0.5)), testnet.Millis(l.Quantile(0.99)), testnet.Millis(l.Max()))
	return found, nil
}

// askHeld asks an agent again for every message of ours that the chain shows.
func (s *Stage) askHeld(ctx context.Context, found Findings) (err error) {
	p := s.Pair
	messages, err := s.ourMessages(found)
	if err != nil {
		return err
	}
	agent, err := p.Cluster.Node(testnet.Main)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.Close()) }()
	asked := map[casper.Kind]int{}
	signed := 0
	var wrong []string
	for _, m := range messages {
		a, err := askUntilAnswered(ctx, agent, m)
		if err != nil {
			return err
		}
		asked[m.Kind()]++
		if a.Kind == testnet.Signed && p.Ours.Verify(m, a.Signature) {
			signed++
			continue
		}
		wrong = append(wrong, fmt.Sprintf("%v: %s %s", m, a.Kind, a.Reason))
	}
	s.Count("held_asked", len(messages))
	s.Count("held_signed", signed)
	s.Claimf(signed == len(messages) && signed > 0,
		"the cosigners hold what the chain shows: asked again for %d echoes, %d votes, %d finality signatures; %d signed, "+
			"%d otherwise%s",
		asked[casper.KindEcho], asked[casper.KindVote], asked[casper.KindFinality], signed, len(wrong), List(": ",
			wrong[:min(len(wrong), 5)]))
	return nil
}

// askUntilAnswered asks until there is an answer that says something.
func askUntilAnswered(ctx context.Context, agent *testnet.Node, m casper.Message) (testnet.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answeredIn)
	defer cancel()
	for {
		a := agent.Sign(ctx, m)
		if a.Kind != testnet.Unknown && a.Reason != "UNAVAILABLE" {
			return a, nil
		}
		if err := testnet.Pause(ctx, askedAgain); err != nil {
			return a, fmt.Errorf("asking for %v again, last answer %s %s: %w", m, a.Kind, a.Reason, err)
		}
	}
}

// ourMessages builds the messages of ours that others received.
func (s *Stage) ourMessages(found Findings) (all []casper.Message, err error) {
	p := s.Pair
	timeline := p.Watched.Timeline()
	chainspec, err := s.chainspecHash()
	if err != nil {
		return nil, err
	}
	keyBlocks := map[uint64]casper.Hash{} // the last block of the era before, by era
	for _, b := range p.Record().Blocks() {
		if b.Block.End != nil {
			keyBlocks[b.Block.Era+1] = b.Block.Hash
		}
		if _, ok := b.Signed[p.Ours]; ok {
			all = append(all, casper.Finality{Block: b.Block.Hash, Height: b.Block.Height, Era: b.Block.Era,
				ChainName: casper.ChainNameHash(chain)})
		}
	}
	for _, i := range found.Instances {
		number, ok := timeline.eraOf(i.ID)
		if !ok || i.OurIndex == nil {
			continue
		}
		of := casper.Round{Chainspec: chainspec, Era: number, KeyBlock: keyBlocks[number], Validator: *i.OurIndex}
		if of.Instance().String() != i.ID {
			return nil, fmt.Errorf("era %d: the instance of chainspec %v and key block %v is %v, not %s",
				number, of.Chainspec, of.KeyBlock, of.Instance(), i.ID)
		}
		for _, r := range i.Rounds {
			of.ID = r.Round
			for _, echo := range r.Echoes {
				hash, err := casper.ParseHash(echo)
				if err != nil {
					return nil, err
				}
				all = append(all, casper.Echo{Round: of, Proposal: hash})
			}
			for _, vote := range r.Votes {
				all = append(all, casper.Vote{Round: of, Value: vote})
			}
		}
	}
	return all, nil
}

// chainspecHash is in full only where a node of ours tells of a slot that held another value;
// elsewhere logs shorten it.
func (s *Stage) chainspecHash() (casper.Hash, error) {
	for _, l := range []*NodeLog{s.Pair.Main, s.Pair.Standby} {
		for _, b := range l.bound() {
			return b.Chainspec, nil
		}
	}
	return casper.Hash{},
		errors.New("no node of ours was ever answered Bound, so its log does not tell the chainspec hash")
}
