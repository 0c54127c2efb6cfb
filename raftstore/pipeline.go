package raftstore

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// pipelineDepth is how many appends may be under way to one peer. Whoever has to wait for a place
	// takes along everything that came meanwhile.
	pipelineDepth = 32
	// pipelineFrom is the distance from which a pipeline pays. Without one, a claim waits for the
	// answer to the append before it, on average half the distance, and then shares a write with what
	// came meanwhile. Near by, that wait is shorter than the write that it saves the follower.
	pipelineFrom = 5 * time.Millisecond
	// distanceOf is of how many heartbeats the quickest is a peer's distance. Delay adds to all of
	// them, a busy processor not: with one in the middle of them, load would start pipelines between
	// neighbours, which need to share writes then.
	distanceOf = 16
)

// pipeline is the library's, whose writer cannot hang.
//
// In raft 1.7.3 whoever reads a pipeline's answers leaves at the first that is no success. From
// then on nobody takes the answers, so the goroutine that decodes them waits, and takes no request
// from the writer, so the writer waits as well and never finds out that it should stop: the leader
// then never replicates to that follower again, and cannot be shut down. Here answers are always
// taken, and after the first that is no success nothing more is sent.
//
// It also keeps from the reader that an append failed, which the writer learns instead: the reader
// takes any answer for a sign of life, and a leader could keep its lease by a connection that died.
type pipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	broken  chan struct{} // closed by drain at the first answer that is no success
	closed  chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

func newPipeline(p raft.AppendPipeline) *pipeline {
	d := &pipeline{
		AppendPipeline: p, answers: make(chan raft.AppendFuture, pipelineDepth),
		broken: make(chan struct{}), closed: make(chan struct{}),
	}
	d.running.Go(d.drain)
	return d
}

// drain takes the answers as they come. It hands them on up to the first that is no success.
func (p *pipeline) drain() {
	for whole := true; ; {
		select {
		case f := <-p.AppendPipeline.Consumer():
			if whole {
				whole = p.handOn(f)
			}
		case <-p.closed:
			return
		}
	}
}

// handOn hands an answer on if the peer gave it, and reports whether it is a success.
func (p *pipeline) handOn(f raft.AppendFuture) bool {
	failed := f.Error() != nil
	success := !failed && f.Response().Success
	if !success {
		close(p.broken)
	}
	if !failed {
		select {
		case p.answers <- f:
		case <-p.closed:
		}
	}
	return success
}

// Consumer returns the answers.
func (p *pipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// AppendEntries sends one request, unless an earlier one was no success.
func (p *pipeline) AppendEntries(q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) (raft.AppendFuture,
	error) {
	select {
	case <-p.broken:
		return nil, raft.ErrPipelineShutdown
	default:
		return p.AppendPipeline.AppendEntries(q, a)
	}
}

// Close ends the pipeline and its connection.
func (p *pipeline) Close() error {
	p.once.Do(func() { close(p.closed) })
	err := p.AppendPipeline.Close()
	p.running.Wait()
	return err
}

// AppendEntriesPipeline starts a pipeline to a peer that is far away. The library asks again after
// each append, so that one starts once the distance is known.
func (t transport) AppendEntriesPipeline(id raft.ServerID, to raft.ServerAddress) (raft.AppendPipeline, error) {
	if !t.distances.far(id) {
		return nil, raft.ErrPipelineReplicationNotSupported
	}
	p, err := t.NetworkTransport.AppendEntriesPipeline(id, to)
	if err != nil {
		return nil, err
	}
	return newPipeline(p), nil
}

// AppendEntries sends a heartbeat, or entries to a peer that is near or has to catch up.
func (t transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest,
	a *raft.AppendEntriesResponse) error {
	start := time.Now()
	err := t.NetworkTransport.AppendEntries(id, to, q, a)
	if err == nil && heartbeat(q) {
		t.distances.note(id, time.Since(start))
	}
	return err
}

// heartbeat reports whether a request is one, as the library's transport does: the peer answers it
// without a look at its disk.
func heartbeat(q *raft.AppendEntriesRequest) bool {
	return len(q.Entries) == 0 && q.PrevLogEntry == 0 && q.PrevLogTerm == 0 && q.LeaderCommitIndex == 0
}

// distances is how long the last heartbeats to each peer took.
type distances struct {
	from time.Duration

	mu    sync.Mutex
	beats map[raft.ServerID][]time.Duration // the oldest first
}

func newDistances(from time.Duration) *distances {
	return &distances{from: from, beats: map[raft.ServerID][]time.Duration{}}
}

func (d *distances) note(id raft.ServerID, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	beats := append(d.beats[id], took)
	d.beats[id] = beats[max(0, len(beats)-distanceOf):]
}

// far reports whether a pipeline to the peer pays; not before its distance is known.
func (d *distances) far(id raft.ServerID) bool {
	if d.from < 0 {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.beats[id]) == distanceOf && slices.Min(d.beats[id]) >= d.from
}
