package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
)

// settle closes the act's window at the start of a round and says what was lost in it.
func (s *Stage) settle(ctx context.Context, act Act) error {
	end, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	s.On.To = end.Start
	w := Window{s.On.From, s.On.To}
	var a Account
	var blocks finality
	var judgeErr error
	// What is over may still be on its way, so nothing is called lost at once.
	err = s.Await(ctx, SettleIn, "late messages", func() (bool, error) {
		if a, _, judgeErr = s.JudgeRounds(ctx, w); judgeErr != nil {
			return false, judgeErr
		}
		blocks = s.finality(w)
		return len(a.Lost)+len(a.Absent)+len(blocks.missing) == 0, nil
	})
	if judgeErr != nil || ctx.Err() != nil {
		return errors.Join(judgeErr, ctx.Err(), err)
	}
	if bugs := s.Pair.Launcher.Bugs(w); bugs > 0 {
		// What that costs no pair can help. It is counted, and held against nobody.
		lost, missed := len(a.Lost)+len(a.Absent), len(blocks.missing)
		s.Count("exits_known", bugs)
		s.Sayf("casper-node 2.0.3 ended %d times meanwhile by its known bug (%q), so %d rounds and %d blocks are held "+
			"against nobody", bugs, knownBug, lost, missed)
		s.Pair.mayLose += max(lost-act.MayLose, 0)
		s.Pair.mayMiss += max(missed-act.MayMiss, 0)
		act.MayLose, act.MayMiss = max(act.MayLose, lost), max(act.MayMiss, missed)
	}
	s.sayAccount(a, act.MayLose)
	s.sayFinality(blocks, act.MayMiss)
	return nil
}

func (s *Stage) sayFinality(f finality, mayMiss int) {
	s.Count("blocks", f.blocks)
	s.Count("finality_signatures", f.blocks-len(f.missing))
	most := ""
	if mayMiss > 0 {
		most = fmt.Sprintf(" (at least %d)", max(f.blocks-mayMiss, 0))
	}
	s.Claimf(len(f.missing) <= mayMiss, "%d blocks, %d with our finality signature%s%s",
		f.blocks, f.blocks-len(f.missing), most, List(", not ", f.missing))
}

func (s *Stage) sayAccount(a Account, mayLose int) {
	s.Count("rounds", a.Rounds)
	s.Count("rounds_with_vote", a.Voted)
	s.Count("rounds_with_vote_false", a.VotedNo)
	s.Count("rounds_with_echo", a.Echoed)
	s.Count("rounds_lost", len(a.Lost))
	s.Count("rounds_absent", len(a.Absent))
	s.Count("leader_rounds", a.Led)
	s.Count("leader_rounds_with_proposal", a.Proposed)
	s.Count("leader_rounds_died", len(a.Died))
	// A round that another led in vain is none that we lose. All the same our Vote is to be in it.
	holds := a.Rounds > 0 && len(a.Lost)+len(a.Absent) <= mayLose
	s.Claimf(holds, "%d rounds, another validator has our Vote in %d of them, %d lost (at most %d)%s",
		a.Rounds, a.Voted, len(a.Lost), mayLose, List(": ", a.Lost))
	s.Sayf("our Echo in %d, Vote(false) in %d; %d led by us, %d with a proposal; leader rounds whose proposal died with "+
		"the node: %d%s",
		a.Echoed, a.VotedNo, a.Led, a.Proposed, len(a.Died), List(": ", a.Died))
	if len(a.Absent) > 0 {
		s.Sayf("rounds that another led without a proposal, without our Vote: %d%s", len(a.Absent), List(": ", a.Absent))
	}
}

// List is empty for an empty list.
func List[T any](before string, all []T) string {
	if len(all) == 0 {
		return ""
	}
	return before + strings.Trim(fmt.Sprint(all), "[]")
}

// JudgeRounds has the judge read the unit files and sums up the rounds of the window.
func (s *Stage) JudgeRounds(ctx context.Context, w Window) (Account, Findings, error) {
	f, err := s.UnitFiles(ctx, s.Pair.Ours, s.Pair.kept)
	if err != nil {
		return Account{}, f, err
	}
	if err := s.Pair.Update(); err != nil {
		return Account{}, f, err
	}
	a, err := tally(s.Pair.Watched.Timeline(), f, w, s.Pair.OurIndex, s.disturbances())
	return a, f, err
}

// UnitFiles has the judge read all files below a folder, as those about a validator.
func (s *Stage) UnitFiles(ctx context.Context, validator casper.PublicKey, folder string) (f Findings, err error) {
	args := []string{"units", "--key", validator.String(), "--json"}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			args = append(args, path)
		}
		return err
	})
	if err != nil {
		return f, fmt.Errorf("finding unit files: %w", err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, s.Judge, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	// Its exit code says whether all is clean; so do the findings.
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return f, fmt.Errorf("running the judge: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil {
		return f, fmt.Errorf("reading what the judge found: %w\n%s", err, errOut.Bytes())
	}
	return f, nil
}

// finality is what the watched node has of our finality signatures.
type finality struct {
	blocks     int
	missing    []uint64 // heights
	unrewarded []uint64 // heights that no later block cites with our signature
	cited      int      // heights that could be cited
}

// newestBlocks are too new for all signatures of them to have come.
const newestBlocks = 2

// rewardDelay is up to how many blocks later a signature is cited.
const rewardDelay = 3

// finality sums up the blocks that the watched node saw in the window.
func (s *Stage) finality(w Window) finality {
	var f finality
	record := s.Pair.Record()
	all := record.Blocks()
	for i, b := range all {
		if i >= len(all)-newestBlocks || !w.Holds(b.Seen) {
			continue
		}
		f.blocks++
		height := b.Block.Height
		signed := len(record.Unsigned(s.Pair.Ours, height, height)) == 0
		if (report.Height{Height: height, Signed: report.Seen(signed)}).Lost() {
			f.missing = append(f.missing, height)
		}
		if i < len(all)-rewardDelay-1 && !s.uncitable(b.Seen) {
			f.cited++
			f.unrewarded = append(f.unrewarded, record.Unrewarded(s.Pair.Ours, b.Block.Height, b.Block.Height)...)
		}
	}
	return f
}

// AnsweredSince lists the requests of our nodes that were answered with a signature from then on.
func (s *Stage) AnsweredSince(from time.Time) (all []Asked) {
	for _, l := range []*NodeLog{s.Pair.Main, s.Pair.Standby} {
		for _, a := range l.Asked() {
			if a.Answered() && !a.At.Before(from) {
				all = append(all, a)
			}
		}
	}
	return all
}
