package hub

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// TestPlay: nodes that only hear of each other through their outputs add a block each block time,
// and one that is halted adds none.
func TestPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		loop := NewLoop()
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { loop.Run(ctx); close(over) }()
		chain := &zug.Chain{Name: "test", Weights: []uint64{1, 1, 1, 1}, Seed: 1, Genesis: time.Now(), Block: time.Second,
			Timeout: 2 * time.Second, EraBlocks: 10}
		players := make([]*Player, 4)
		for id := range players {
			c := zug.Config{Chain: chain, Validator: uint32(id), Seed: uint64(id), Deadline: time.Second,
				Sync:     50 * time.Millisecond,
				IdleSync: time.Second, CatchUp: time.Second, StartUp: time.Second, Sign: func(casper.Message) (s casper.Signature) {
					return s
				}}
			players[id] = Play(loop, zug.New(c, time.Now()), func(out zug.Output) {
				for _, e := range out.Send {
					for to := range players {
						if to != id && (e.To == zug.All || e.To == to) {
							loop.After(time.Millisecond, func() {
								players[to].Drive(func(n *zug.Node, now time.Time) zug.Output { return n.Receive(id, e.Message, now) })
							})
						}
					}
				}
			})
		}
		height := func(id int) (h uint64) {
			loop.Do(func() { h = players[id].Node.Status().Tip.Height })
			return h
		}
		loop.Do(func() {
			for _, p := range players {
				p.Drive((*zug.Node).Tick)
			}
		})
		time.Sleep(9 * time.Second)
		if got := height(0); got < 7 || got > 9 {
			t.Errorf("%d blocks in 9 s", got)
		}
		loop.Do(players[3].Halt)
		before := height(3)
		time.Sleep(20 * time.Second)
		if got := height(3); got != before {
			t.Errorf("a halted node went on from %d to %d", before, got)
		}
		if got := height(0); got < before+5 {
			t.Errorf("three of four went on to %d only", got)
		}
		cancel()
		<-over
		if loop.Do(func() { t.Error("a step after the end") }) {
			t.Error("a loop that is over took a step")
		}
		time.Sleep(time.Minute) // timers that are left find it over
	})
}
