package long

import (
	"context"
	"errors"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
)

const (
	manyEras      = 10
	fewEras       = 2
	transferEvery = 700 * time.Millisecond // so that most blocks of 2 s have some
	leastFull     = 0.8                    // of the blocks have transfers in them
)

// fullBlocks lets eras pass while transfers are sent.
func (s *run) fullBlocks(ctx context.Context) error {
	p := s.Pair
	eras := manyEras
	if s.Short {
		eras = fewEras
	}
	first, err := s.NewRound(ctx)
	if err != nil {
		return err
	}
	t := &traffic{to: p.Foreign[len(p.Foreign)-1], seed: s.Seed}
	stop := t.start(ctx)
	// An era lasts a block or two longer than it should.
	err = s.Await(ctx, time.Duration(eras)*(s.EraTime+10*s.BlockTime), "the eras to pass", func() (bool, error) {
		if err := p.Update(); err != nil {
			return false, err
		}
		now, _ := p.Watched.Timeline().Newest()
		return now.Era >= first.Era+uint64(eras), nil
	})
	stop()
	if err != nil {
		return err
	}
	if err := testnet.Pause(ctx, stage.SettleIn); err != nil { // the last ones are on their way
		return err
	}
	return s.claimTraffic(t, first.Start, eras)
}

func (s *run) claimTraffic(t *traffic, from time.Time, eras int) error {
	record := s.Pair.Record()
	executed, failed := 0, 0
	for _, hash := range t.sent {
		if processed, ok := record.Processed(hash); ok && processed.Error == "" {
			executed++
		} else if ok {
			failed++
		}
	}
	full, blocks := 0, 0
	for _, b := range record.Blocks() {
		if !b.Seen.Before(from) {
			blocks++
			if b.Block.Transactions > 0 {
				full++
			}
		}
	}
	s.Count("eras", eras)
	s.Count("transfers_sent", len(t.sent))
	s.Count("transfers_executed", executed)
	s.Count("transfers_failed", failed)
	s.Count("blocks_with_transactions", full)
	s.Claimf(t.refused == nil && len(t.sent) > 0 && executed == len(t.sent), "%d transfers sent, %d executed, %d failed%s",
		len(t.sent), executed, failed, problem(t.refused))
	s.Claimf(float64(full) >= leastFull*float64(blocks), "%d eras, %d blocks, %d of them with transactions (want %.0f %%)",
		eras, blocks, full, 100*leastFull)
	return nil
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return "; refused: " + err.Error()
}

// traffic sends transfers to a node. Its fields are read when it has been stopped.
type traffic struct {
	to      *localnet.Node
	seed    uint64
	sent    []casper.Hash
	refused error
}

// start begins to send; stop ends it and waits.
func (t *traffic) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var sending sync.WaitGroup
	sending.Go(func() {
		ticker := time.NewTicker(transferEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				t.send(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		sending.Wait()
	}
}

func (t *traffic) send(ctx context.Context) {
	const least, stranger = 2_500_000_000, 100
	hash, err := t.to.Send(ctx, localnet.Transfer{From: localnet.FaucetKey(t.seed),
		To: localnet.ValidatorKey(t.seed, stranger).Public(), Amount: least, ID: uint64(len(t.sent)), Time: time.Now()})
	if ctx.Err() != nil {
		return // it may have been taken, or not
	}
	if err != nil {
		t.refused = errors.Join(t.refused, err)
		return
	}
	t.sent = append(t.sent, hash)
}
