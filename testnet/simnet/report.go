package simnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"casper-cosigner/report"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
)

// asksEvery is the time between two questions.
const asksEvery = 50 * time.Millisecond

// Report is what the other validators have seen.
func (n *Network) Report(ctx context.Context) (r hub.Report, err error) {
	err = n.call(ctx, http.MethodGet, "/report", &r)
	return r, err
}

// AwaitReport asks until what the others have seen is as wished, or ctx ends.
func (n *Network) AwaitReport(ctx context.Context, wished func(hub.Report) bool) (hub.Report, error) {
	for {
		r, err := n.Report(ctx)
		if err != nil || wished(r) {
			return r, err
		}
		if err := testnet.Pause(ctx, asksEvery); err != nil {
			return r, fmt.Errorf("waiting in round %d of era %d: %w", r.Round, r.Era, err)
		}
	}
}

// AwaitRounds waits until so many rounds have begun.
func (n *Network) AwaitRounds(ctx context.Context, count int) error {
	for range count {
		before, err := n.Report(ctx)
		if err != nil {
			return err
		}
		_, err = n.AwaitReport(ctx, func(r hub.Report) bool { return r.Era != before.Era || r.Round != before.Round })
		if err != nil {
			return err
		}
	}
	return nil
}

// Cut has the network lose all that a node of ours sends and is sent, or ends that.
func (n *Network) Cut(ctx context.Context, name string, cut bool) error {
	what := "mend"
	if cut {
		what = "cut"
	}
	return n.call(ctx, http.MethodPost, fmt.Sprintf("/%s?node=%d", what, n.nodes[name].id), nil)
}

// Stage stages the next version on all hosts, for an era that is neither open nor past.
func (n *Network) Stage(ctx context.Context, era uint64, version string) error {
	return n.call(ctx, http.MethodPost, fmt.Sprintf("/upgrade?era=%d&version=%s", era, version), nil)
}

func (n *Network) call(ctx context.Context, method, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+n.control+path, nil)
	if err != nil {
		return fmt.Errorf("telling the hub %s: %w", path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("telling the hub %s: %w", path, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("telling the hub %s: %s", path, response.Status)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("reading the hub's report: %w", err)
	}
	return nil
}

// Losses are what our validator missed. What a lost round is, report says.
type Losses struct {
	Of       int         // rounds that ended
	Rounds   []hub.Round // that are lost
	Died     []hub.Round // that died with what was struck
	Finality []hub.Block // without our finality signature
}

// Led is how many rounds were ours to lead, and no block came of them.
func (l Losses) Led() (n int) {
	for _, o := range slices.Concat(l.Rounds, l.Died) {
		if o.Ours && o.Skipped {
			n++
		}
	}
	return n
}

// Unexcused counts what may have died as lost: for when nothing was struck.
func (l Losses) Unexcused() Losses {
	l.Rounds, l.Died = slices.Concat(l.Rounds, l.Died), nil
	return l
}

// Since are the rounds that began after a time. One of which the others learned only when it was
// over counts as such: nobody knows when it began.
func Since(rounds []hub.Round, at time.Time) (later []hub.Round) {
	for _, o := range rounds {
		if o.Began == 0 || o.Began > at.UnixMilli() {
			later = append(later, o)
		}
	}
	return later
}

// Losses returns what was lost of the rounds that ended, and the blocks that came, since something
// of ours was struck; but not of those to which a vote may still come. A finality signature that
// takes longer than a block's time counts as lost once it is looked for, though it could still be
// rewarded: nothing that is done to our nodes may delay one by so much.
func (n *Network) Losses(ctx context.Context, since time.Time) (Losses, error) {
	r, err := n.Report(ctx)
	return LossesOf(r, n.Block, since), err
}

// LossesOf returns the same of a report.
func LossesOf(r hub.Report, block time.Duration, since time.Time) (l Losses) {
	counts := func(at int64) bool { return at >= since.UnixMilli() && at <= r.Now-block.Milliseconds() }
	for _, o := range r.Rounds {
		if !counts(o.Ended) {
			continue
		}
		l.Of++
		switch fate := o.Seen(block, since).Fate(); {
		case fate.Lost():
			l.Rounds = append(l.Rounds, o)
		case fate == report.Died:
			l.Died = append(l.Died, o)
		}
	}
	for _, b := range r.Blocks {
		if counts(b.Added) && b.Seen(block).Lost() {
			l.Finality = append(l.Finality, b)
		}
	}
	return l
}
