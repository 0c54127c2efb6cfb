package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"casper-cosigner/rule/failover"
)

// drawStock draws a plan for a pair with one stock node at least. Its eras are long enough for a
// few restarts, and it has two of them.
func drawStock(r *rand.Rand) Plan {
	p := Plan{Block: 2 * time.Second, Grace: 100 * time.Millisecond, EraBlocks: 32 + r.Uint64N(16),
		Failover: failover.Auto, Failback: failover.Auto}
	p.Pair.Stock = pick(r, [ours]bool{true, true}, [ours]bool{true, true}, [ours]bool{true, false},
		[ours]bool{false, true})
	p.Pair.Hot = r.IntN(4) == 0
	p.Ping = pick(r, 500*time.Millisecond, time.Second)
	p.After = p.Ping * time.Duration(3+r.IntN(4))
	p.FailbackAfter = p.After + time.Duration(r.Int64N(int64(20*p.Block)))
	era := p.Block * time.Duration(p.EraBlocks)
	p.End = settleIn + 2*era + 20*time.Second
	kinds := []Kind{KillNode, KillNode, KillNode, Relapse, Relapse,
		KillAnswered, KillAgent, KillHost, KillCosigner, KillLeader, KillLeader,
		Trap, Trap, PauseNode, PauseAgent, PauseHost, PauseCosigner, PauseLeader, Elect, SlowDisk, HungDisk, DiskError,
		CutPeers, CutCosigners, CutCosigners, CutHost, CutAgents, Lossy, Twice, Slow, Promote}
	for range 1 + r.IntN(7) {
		f := drawFault(r, &p, settleIn+2*era)
		f.Kind = pick(r, kinds...)
		f.Host = r.IntN(ours)
		switch f.Kind {
		case KillCosigner, PauseCosigner, SlowDisk, HungDisk, DiskError:
			f.Host = r.IntN(cosigners)
		}
		if f.Kind == Trap && f.Step == "" {
			f.Step, f.Count = pick(r, steps...), 1+r.IntN(6)
		}
		if f.Share == 0 {
			f.Share = 0.1
		}
		if r.IntN(3) == 0 { // about when an era begins, which is when a refusal costs most
			f.At = settleIn + era*time.Duration(r.IntN(2)) - 3*time.Second + time.Duration(r.Int64N(int64(6*time.Second)))
		}
		if r.IntN(4) == 0 || f.Kind == Relapse {
			f.For = time.Duration(r.Int64N(int64(era)))
		}
		p.Faults = append(p.Faults, f)
	}
	if r.IntN(3) == 0 { // the quorum is away as an era begins
		at := settleIn + era*time.Duration(r.IntN(2)) - time.Second + time.Duration(r.Int64N(int64(2*time.Second)))
		long := time.Duration(r.Int64N(int64(12 * time.Second)))
		p.Faults = append(p.Faults, Fault{Kind: KillCosigner, Host: 0, At: at, For: long},
			Fault{Kind: KillCosigner, Host: 1, At: at, For: long})
	}
	slices.SortStableFunc(p.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	if r.IntN(3) == 0 {
		p.Pair.Liar = 1 + r.IntN(cosigners)
	}
	return p
}
