package hostile

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

// Node is whoever holds a node's failover key. OpenNode makes one.
type Node struct {
	daemon.Host
	conns map[string]*grpc.ClientConn
}

// OpenNode reads a node's key by its agent's settings. The agent may be running.
func OpenNode(config string) (*Node, error) {
	f, err := daemon.ReadAgentFile(config)
	if err != nil {
		return nil, err
	}
	host, err := f.Host()
	return &Node{Host: host, conns: map[string]*grpc.ClientConn{}}, err
}

// Claim is the node's request for the message, signed as its agent does at that index of the log.
func (n *Node) Claim(m casper.Message, askedAt uint64) (watermark.Claim, error) {
	signature, err := n.Cluster.SignRequest(n.Key(), n.Name, m, askedAt)
	return watermark.Claim{Message: m, Node: n.Name, AskedAt: askedAt, Signature: signature}, err
}

// Ask has a cosigner answer a request of the node's, dated as it is.
func (n *Node) Ask(ctx context.Context, cosigner string, c watermark.Claim) (*cosignerv1.SignResponse, error) {
	conn, err := n.dial(cosigner)
	if err != nil {
		return nil, err
	}
	r := wire.Request(c.Message)
	r.Node, r.AskedAt, r.DatedSignature = n.Name, c.AskedAt, c.Signature[:]
	return cosignerv1.NewSignerServiceClient(conn).Sign(ctx, r)
}

// Ping sends a cosigner a ping, with whatever is in it.
func (n *Node) Ping(ctx context.Context, cosigner string,
	ping *cosignerv1.PingRequest) (*cosignerv1.PingResponse, error) {
	conn, err := n.dial(cosigner)
	if err != nil {
		return nil, err
	}
	return cosignerv1.NewPingServiceClient(conn).Ping(ctx, ping)
}

func (n *Node) dial(cosigner string) (*grpc.ClientConn, error) {
	if conn, ok := n.conns[cosigner]; ok {
		return conn, nil
	}
	entry, known := n.Cluster.Cosigner(cosigner)
	if !known {
		return nil, fmt.Errorf("no cosigner is called %s", cosigner)
	}
	conn, err := n.Cluster.Dial(n.Certificate, cosigner, entry.Address)
	if err == nil {
		n.conns[cosigner] = conn
	}
	return conn, err
}

// Look returns the newest term of the log that the named cosigners know of, and the last entry that
// one of them states to have applied.
func (n *Node) Look(ctx context.Context, cosigners ...string) (term, applied uint64, err error) {
	for _, name := range cosigners {
		answer, err := n.Ping(ctx, name, &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{}})
		if err != nil {
			return 0, 0, fmt.Errorf("asking cosigner %s for the term: %w", name, err)
		}
		term = max(term, answer.GetTerm())
		for _, s := range wire.ReadStatements(answer.GetStatements()) {
			applied = max(applied, s.Applied)
		}
	}
	return term, applied, nil
}

// Close closes its connections.
func (n *Node) Close() {
	for _, conn := range n.conns {
		conn.Close()
	}
}
