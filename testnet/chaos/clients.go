package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/history"
)

const (
	values   = 3 // that are asked for in one slot; a vote has two
	attempts = 3 // at one message, while there is no answer
)

// client is one of those that ask for a node.
type client struct {
	*run
	draw
	node   string
	number int
	begin  time.Time     // of the load
	era    time.Duration // how long one lasts
}

// load has clients of both nodes ask until ctx ends.
func (r *run) load(ctx context.Context, length time.Duration) {
	var asking sync.WaitGroup
	begin := time.Now()
	for i, node := range []string{testnet.Main, testnet.Standby} {
		for number, work := range []func(*client, context.Context, uint32){(*client).vote, (*client).vote, (*client).finish,
			(*client).roam} {
			c := &client{run: r, draw: draw{rand.New(rand.NewPCG(r.seed, uint64(10+10*i+number)))}, node: node, number: number,
				begin: begin, era: length/eras + pace}
			asking.Go(func() { c.follow(ctx, work) })
		}
	}
	asking.Wait()
}

// follow does the work of one round after another, or of the newest if it comes late.
func (c *client) follow(ctx context.Context, work func(*client, context.Context, uint32)) {
	for n := uint32(1); ; n = max(n+1, uint32(time.Since(c.begin)/pace)) {
		at := c.begin.Add(time.Duration(n)*pace + c.between(0, pace/2))
		if testnet.Pause(ctx, time.Until(at)) != nil {
			return
		}
		work(c, ctx, n)
	}
}

// vote asks for a round's echo and vote.
func (c *client) vote(ctx context.Context, n uint32) {
	c.ask(ctx, c.echo(n, c.value()))
	c.ask(ctx, c.ballot(n, c.value()))
}

// finish asks for the finality signature of a block.
func (c *client) finish(ctx context.Context, n uint32) { c.ask(ctx, block(n, c.value())) }

// roam asks for something of long ago, as a node does that comes back.
func (c *client) roam(ctx context.Context, n uint32) {
	n = 1 + c.Uint32N(n)
	switch c.IntN(3) {
	case 0:
		c.ask(ctx, c.echo(n, c.value()))
	case 1:
		c.ask(ctx, c.ballot(n, c.value()))
	default:
		c.ask(ctx, block(n, c.value()))
	}
}

// ask asks for a message, again while there is no answer, and then now and then for another value.
func (c *client) ask(ctx context.Context, m casper.Message) {
	for range attempts {
		a := c.call(ctx, history.Call{Asker: fmt.Sprintf("%s/%d", c.node, c.number), Asked: m})
		if a.Kind != testnet.Unknown || ctx.Err() != nil {
			return
		}
		if c.IntN(4) == 0 {
			m = testnet.Other(m)
		}
	}
}

// value is the node's own in most cases.
func (c *client) value() byte {
	if c.IntN(4) == 0 {
		return byte(c.IntN(values))
	}
	if c.node == testnet.Main {
		return 0
	}
	return 1
}

func (c *client) echo(n uint32, value byte) casper.Message {
	return casper.Echo{Round: c.round(n), Proposal: hash("proposal", n, value)}
}

func (c *client) ballot(n uint32, value byte) casper.Message {
	return casper.Vote{Round: c.round(n), Value: value == 0}
}

// round is the n-th of the load; the eras begin at 1.
func (c *client) round(n uint32) casper.Round {
	each := uint32(c.era / pace)
	at := round(1 + uint64(n/each))
	at.ID = n % each
	return at
}

func block(n uint32, value byte) casper.Message {
	return casper.Finality{Block: hash("block", n, value), Height: uint64(n), Era: 1,
		ChainName: casper.ChainNameHash(chain)}
}

// round is the first of an era.
func round(era uint64) casper.Round {
	return casper.Round{Chainspec: hash("chainspec", 0, 0), Era: era, KeyBlock: hash("key block", uint32(era), 0)}
}

// hash borrows the hash of chain names: any hash will do here.
func hash(of string, n uint32, value byte) casper.Hash {
	return casper.ChainNameHash(string(binary.BigEndian.AppendUint32([]byte(of), n)) + string(value))
}
