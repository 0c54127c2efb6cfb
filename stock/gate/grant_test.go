package gate

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/units/unitstest"
)

// slowAsker refuses the first message at once, grants some a second later, and never answers the
// last.
type slowAsker struct {
	asker
	last uint32
}

func (a slowAsker) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	switch own.Round {
	case 0:
		return attest.Proof{}, ErrBound
	case a.last:
		<-ctx.Done()
		return attest.Proof{}, ctx.Err()
	}
	select {
	case <-time.After(time.Second):
		return attesttest.Proof(own), nil
	case <-ctx.Done():
		return attest.Proof{}, ctx.Err()
	}
}

// TestMergeGoesOn: a no, or no answer, is of one message alone; and all of it has an end.
func TestMergeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, era := unitstest.New(1, 7), unitstest.Instance("era")
		f := opened(t, nil)
		const last = 9
		f.gate.asker = slowAsker{last: last}
		var all []casper.Ballot
		for round := range uint32(last + 1) {
			all = append(all, us.Vote(era, round, true))
		}
		began := time.Now()
		granted, proofs, err := f.grant(all)
		if len(granted) != last-1 || len(proofs) != last-1 || err == nil || time.Since(began) != mergeIn {
			t.Errorf("granted are %d of %d after %v: %v", len(granted), len(all), time.Since(began), err)
		}
	})
}
