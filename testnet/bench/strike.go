package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/rehearse"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simnet"
)

// way is one way in which main fails.
type way struct {
	rehearse.Strike
	moves bool // the standby is to become active before main is mended
}

// ways are those of hot mode. The agent goes on unless the whole host goes.
func (r *rehearsal) ways() []way {
	return []way{{r.KillNode(), true}, {r.KillHost(), true}, {r.Hang(), true}, {r.KillAtOnce(), false},
		{r.TermAtOnce(), false}}
}

// trials has main fail in each way in turn.
func (r *rehearsal) trials(ctx context.Context, count int, ways ...way) ([]trial, error) {
	var all []trial
	for i := range count {
		t := r.trial(ctx, ways[i%len(ways)])
		if i == count-1 {
			t.failed = errors.Join(t.failed, r.settled(ctx))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if t.failed != nil {
			r.printf("  (trial %d, %s: %v)", i+1, t.way, t.failed)
		}
		all = append(all, t)
	}
	return all, nil
}

func (r *rehearsal) trial(ctx context.Context, w way) trial {
	t := trial{way: w.Name, span: -1}
	for again := true; again; again = r.ear.active() != testnet.Main { // a failure of before may be acted on late
		if err := errors.Join(r.settled(ctx), r.instant(ctx)); err != nil {
			t.failed = fmt.Errorf("setting up: %w", err)
			return t
		}
	}
	struck := time.Now()
	t.span = r.spans.begin(struck)
	t.failed = w.Do(ctx)
	if w.moves && t.failed == nil {
		waiting, cancel := context.WithTimeout(ctx, comesWithin)
		t.active, t.failed = r.ear.await(waiting, testnet.Standby, struck)
		cancel()
		t.took = t.active.heard.Sub(struck)
	}
	mended := time.Now()
	t.failed = errors.Join(t.failed, w.Mend(ctx), r.TakesPart(ctx, mended))
	return t
}

// settled waits until both nodes are ready, and makes main active if it is not.
func (r *rehearsal) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, comesWithin+readyRounds*r.Net.Block)
	defer cancel()
	if err := r.BothReady(ctx); err != nil {
		return err
	}
	if r.ear.active() == testnet.Main {
		return nil
	}
	asked := time.Now()
	if err := r.Operate(ctx, "promote", testnet.Main); err != nil {
		return err
	}
	_, err := r.ear.await(ctx, testnet.Main, asked)
	return err
}

// readyRounds are those that a node may need to be ready, beyond what takes no rounds.
const readyRounds = 10

// instant waits until the cosigners have taken the last change in, and then for a random
// instant of a round.
func (r *rehearsal) instant(ctx context.Context) error {
	if err := testnet.Pause(ctx, 2*r.Net.PingInterval); err != nil {
		return err
	}
	return r.Instant(ctx)
}

// fails has main fail so many times, lets what came of it settle, and returns each trial with its
// loss, and what the network saw.
func (r *rehearsal) fails(ctx context.Context, count int, ways ...way) (all []trial, p hub.Report, err error) {
	if all, err = r.trials(ctx, count, ways...); err != nil {
		return nil, p, err
	}
	if p, err = r.rest(ctx); err != nil {
		return nil, p, err
	}
	for i := range all {
		all[i].loss = r.lossOf(p, all[i].span)
	}
	return all, p, nil
}

// inHot has main fail in hot mode, where the standby is served all the time.
func (r *rehearsal) inHot(ctx context.Context) error {
	ways := r.ways()
	all, _, err := r.fails(ctx, r.hot, ways...)
	if err != nil {
		return err
	}
	r.printf("hot mode: main fails %d times at random instants, in %d ways in turn", len(all), len(ways))
	for _, w := range ways {
		some := ofWay(all, w.Name)
		r.figure("  "+w.Name, fmt.Sprintf("lost %s rounds, %s finality", each(some, lostRounds), each(some, lostFinality)),
			"")
	}
	s := sumOf(all, r.limit())
	r.goal("hot: rounds and finality lost",
		fmt.Sprintf("%d of %d, and %d", len(s.loss.rounds), s.loss.of, len(s.loss.finality)),
		fmt.Sprintf("0 and 0 in each of %d", r.hot), s.lossless() && s.whole(r.hot))
	r.figure("  leader rounds that died", fmt.Sprintf("%d, with main or before its block was out", len(s.loss.died)), "")
	r.figure("  others' rounds without a block", fmt.Sprint(s.loss.foreign), "")
	r.figure("  trials that failed", fmt.Sprint(s.failed), "")
	r.moved(s)
	r.figure("  roles moved by a restart", fmt.Sprintf("%d of %d", r.movedAlone(all), s.trials-len(s.moved)), "")
	r.tellLate(all)
	for i, t := range all {
		r.tell(fmt.Sprintf("trial %d, %s: ", i+1, t.way), t.loss)
	}
	return nil
}

// inFenced has main killed in fenced mode, where nobody votes until the standby is active.
func (r *rehearsal) inFenced(ctx context.Context) error {
	if err := r.mode(ctx, "fenced"); err != nil {
		return err
	}
	all, p, err := r.fails(ctx, r.fenced, way{r.KillNode(), true})
	if err != nil {
		return err
	}
	journal, err := r.Net.Node(testnet.Standby).Journal(time.Time{})
	if err != nil {
		return err
	}
	for i, t := range all {
		all[i].voted = !t.active.heard.IsZero() && votesSoon(p, r.Net.Block, journal, t.active.At)
	}
	s := sumOf(all, r.limit())
	r.printf("fenced mode: kill -9 of main's node, %d times", len(all))
	r.goal("fenced: standby active",
		fmt.Sprintf("in %d; max %.2f s, %d over", len(s.moved), s.moved.Max().Seconds(), s.late),
		fmt.Sprintf("within %v in all of %d", r.limit(), r.fenced), s.prompt() && s.whole(r.fenced))
	r.goal("  its vote, open round or next", fmt.Sprintf("%d of %d", s.voted, s.trials), "all", s.voted == r.fenced)
	r.figure("  rounds lost", fmt.Sprintf("%d of %d, %d later than that", len(s.loss.rounds), s.loss.of, s.after), "")
	r.figure("  finality signatures lost", fmt.Sprint(len(s.loss.finality)), "")
	r.figure("  trials that failed", fmt.Sprint(s.failed), "")
	r.moved(s)
	r.tellLate(all)
	for i, t := range all {
		r.tell(fmt.Sprintf("trial %d, active %s: ", i+1, clock(t.active.At.UnixMilli())),
			loss{rounds: simnet.Since(t.loss.rounds, t.active.At)})
	}
	return nil
}

// mode switches, and waits until a failover may follow: a change of mode counts as one of roles.
func (r *rehearsal) mode(ctx context.Context, mode string) error {
	if err := r.Operate(ctx, "mode", mode); err != nil {
		return err
	}
	return testnet.Pause(ctx, r.Net.FailoverAfter)
}

// limit is when the standby must be active.
func (r *rehearsal) limit() time.Duration { return r.Net.FailoverAfter + slack }

// moved prints how long it took until the standby was active.
func (r *rehearsal) moved(s sum) {
	part := func(d time.Duration) float64 { return float64(d) / float64(r.Net.FailoverAfter) }
	p50, most := s.moved.Quantile(0.5), s.moved.Max()
	r.figure("  standby active", fmt.Sprintf("p50 %.2f s, max %.2f s, in %d of %d",
		p50.Seconds(), most.Seconds(), len(s.moved), s.trials), "")
	r.figure("    to failover_after", fmt.Sprintf("%.2f and %.2f times %v", part(p50), part(most), r.Net.FailoverAfter),
		"")
}

// movedAlone counts the trials in which nobody waited for the standby, and it became active.
func (r *rehearsal) movedAlone(all []trial) (n int) {
	changes, _ := r.ear.changes()
	for _, t := range all {
		if t.span < 0 || !t.active.heard.IsZero() {
			continue
		}
		from, to := r.spans[t.span], r.spans[t.span+1] // there is a rest behind the last
		if slices.ContainsFunc(changes, func(c told) bool {
			return c.What == "activate" && c.Subject == testnet.Standby && c.heard.After(from) && c.heard.Before(to)
		}) {
			n++
		}
	}
	return n
}

// tellLate prints each trial in which the standby was not active in time, to be looked into.
func (r *rehearsal) tellLate(all []trial) {
	for i, t := range all {
		if t.took > r.limit() {
			r.printf("  (trial %d, %s: standby active after %.2f s, at %s: %s, %s)", i+1, t.way, t.took.Seconds(),
				clock(t.active.heard.UnixMilli()), t.active.Cause, t.active.Reason)
		}
	}
}

// tell prints each round and finality signature that was lost, likewise.
func (r *rehearsal) tell(where string, l loss) {
	for _, o := range l.rounds {
		r.printf("  (%sround %d of era %d, ours %v, skipped %v: began %s, ended %s, our vote %s)",
			where, o.Round, o.Era, o.Ours, o.Skipped, clock(o.Began), clock(o.Ended), clock(o.Vote))
	}
	for _, b := range l.finality {
		r.printf("  (%sheight %d: added %s, our finality signature %s)", where, b.Height, clock(b.Added), clock(b.Finality))
	}
}

// clock writes a time of the report's.
func clock(ms int64) string {
	if ms == 0 {
		return "never"
	}
	return time.UnixMilli(ms).Format("15:04:05.000")
}
