package hostile

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/machine"
)

const raftPatience = 2 * time.Second

// Lie has an honest cosigner append the command to its log, and apply it, as if its leader in that
// term had sent it to all. Nobody elected us: no member asks for proof of that. It returns where
// the entry stands. Whoever is told different things in one term holds different logs from then on.
func (c *Cosigner) Lie(name string, term uint64, command machine.Command) (index uint64, err error) {
	data, err := machine.Encode(command, machine.Version)
	if err != nil {
		return 0, err
	}
	beat := &raft.AppendEntriesRequest{RPCHeader: c.wire.head(), Term: term}
	answer, err := c.wire.append(name, beat)
	if err != nil {
		return 0, err
	}
	if answer.Term > term {
		return 0, fmt.Errorf("cosigner %s is in term %d already", name, answer.Term)
	}
	last, lastTerm := answer.LastLog, term
	for ; lastTerm > 0; lastTerm-- {
		beat.PrevLogEntry, beat.PrevLogTerm = last, lastTerm
		if answer, err = c.wire.append(name, beat); err != nil {
			return 0, err
		}
		if answer.Success {
			break
		}
	}
	index = last + 1
	beat.Entries = []*raft.Log{{Index: index, Term: term, Type: raft.LogCommand, Data: data, AppendedAt: time.Now()}}
	beat.LeaderCommitIndex = index
	if answer, err = c.wire.append(name, beat); err == nil && !answer.Success {
		err = errors.New("it did not append the entry")
	}
	if err != nil {
		return 0, fmt.Errorf("lying to cosigner %s: %w", name, err)
	}
	return index, nil
}

// Lead has an honest cosigner take us for the leader of that term, by an append of nothing.
func (c *Cosigner) Lead(name string, term uint64) error {
	answer, err := c.wire.append(name, &raft.AppendEntriesRequest{RPCHeader: c.wire.head(), Term: term})
	if err == nil && answer.Term > term {
		err = fmt.Errorf("cosigner %s is in term %d already", name, answer.Term)
	}
	return err
}

// raftWire is the connections of a compromised cosigner to the others' Raft ports. It answers
// nobody.
type raftWire struct {
	*raft.NetworkTransport
	owner  *Cosigner
	once   sync.Once
	closed chan struct{}
}

func newRaftWire(c *Cosigner) *raftWire {
	w := &raftWire{owner: c, closed: make(chan struct{})}
	w.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: layer{w}, MaxPool: 1, Timeout: raftPatience, Logger: hclog.NewNullLogger()})
	return w
}

func (w *raftWire) head() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(w.owner.Name), Addr: []byte(w.owner.Name)}
}

func (w *raftWire) append(name string, q *raft.AppendEntriesRequest) (*raft.AppendEntriesResponse, error) {
	answer := &raft.AppendEntriesResponse{}
	if err := w.AppendEntries(raft.ServerID(name), raft.ServerAddress(name), q, answer); err != nil {
		return nil, fmt.Errorf("sending an append to cosigner %s: %w", name, err)
	}
	return answer, nil
}

// layer is the raft.StreamLayer of a raftWire.
type layer struct{ *raftWire }

func (l layer) Accept() (net.Conn, error) {
	<-l.closed
	return nil, net.ErrClosed
}

func (l layer) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l layer) Addr() net.Addr { return &net.UnixAddr{Name: l.owner.Name, Net: "raft"} }

// Dial connects to the cosigner of that name and exchanges presences with it: each is its length in
// four bytes, and then the message.
func (l layer) Dial(name raft.ServerAddress, patience time.Duration) (net.Conn, error) {
	entry, ok := l.owner.Cluster.Cosigner(string(name))
	if !ok {
		return nil, fmt.Errorf("no cosigner is called %s", name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d := tls.Dialer{Config: l.owner.Cluster.ClientTLS(l.owner.Certificate, entry.Name)}
	conn, err := d.DialContext(ctx, "tcp", entry.RaftAddress)
	if err != nil {
		return nil, err
	}
	if err := l.exchange(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("exchanging presences with cosigner %s: %w", name, err)
	}
	return conn, nil
}

func (l layer) exchange(conn net.Conn) error {
	ours, err := proto.Marshal(l.owner.Shown().Proto())
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(ours))), ours...)); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	theirs := make([]byte, min(binary.BigEndian.Uint32(size[:]), 1<<16))
	if _, err := io.ReadFull(conn, theirs); err != nil {
		return err
	}
	return proto.Unmarshal(theirs, &cosignerv1.Presence{})
}
