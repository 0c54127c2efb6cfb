package raftstore

import (
	"errors"
	"net"

	"github.com/hashicorp/raft"
)

// poolSize is how many idle connections to each peer are kept.
const poolSize = 2

// transport is the library's, with two additions. Votes are asked for once more when a connection
// turns out to be dead: followers hardly talk to each other, so after a peer's restart the
// connections kept to it are stale, and without this the first election would be lost to that. And
// appends to a peer that is far away go through a pipeline.
type transport struct {
	*raft.NetworkTransport
	distances *distances
}

func newTransport(s raft.StreamLayer, c Config, l *hcLogger) transport {
	return transport{
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream: s, MaxPool: poolSize, Timeout: c.Timing.Network, Logger: l, MaxRPCsInFlight: pipelineDepth,
		}),
		distances: newDistances(c.pipelineFrom),
	}
}

// RequestVote asks a peer for its vote.
func (t transport) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest,
	a *raft.RequestVoteResponse) error {
	return again(func() error { return t.NetworkTransport.RequestVote(id, to, q, a) })
}

// RequestPreVote asks a peer whether it would vote.
func (t transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest,
	a *raft.RequestPreVoteResponse) error {
	return again(func() error { return t.NetworkTransport.RequestPreVote(id, to, q, a) })
}

// again tries until the kept connections are used up. It does not repeat what took its time.
func again(call func() error) error {
	err := call()
	for range poolSize {
		if slow := net.Error(nil); err == nil || errors.As(err, &slow) && slow.Timeout() {
			return err
		}
		err = call()
	}
	return err
}
