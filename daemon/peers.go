package daemon

import (
	"errors"
	"fmt"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// peers are the connections to other members, one each, for all that is asked of them.
type peers map[string]*grpc.ClientConn

// newPeers returns connections to the other cosigners.
func newPeers(m Member) (peers, error) {
	p := peers{}
	for _, c := range m.Cluster.Cosigners {
		if err := p.dial(m, c.Name, c.Address); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	return p, nil
}

// dial adds a connection to a member, unless that is m itself.
func (p peers) dial(m Member, name, address string) error {
	if name == m.Name {
		return nil
	}
	conn, err := m.Cluster.Dial(m.Certificate, name, address)
	if err != nil {
		return fmt.Errorf("member %q: %w", name, err)
	}
	p[name] = conn
	return nil
}

func (p peers) close() error {
	var err error
	for _, c := range p {
		err = errors.Join(err, c.Close())
	}
	return err
}

// signer returns a client by which to pass requests on.
func (p peers) signer(name string) (cosignerv1.SignerServiceClient, bool) {
	conn, ok := p[name]
	if !ok {
		return nil, false
	}
	return cosignerv1.NewSignerServiceClient(conn), true
}

// cosigner returns a client by which to gather shares.
func (p peers) cosigner(name string) (cosignerv1.CosignerServiceClient, bool) {
	conn, ok := p[name]
	if !ok {
		return nil, false
	}
	return cosignerv1.NewCosignerServiceClient(conn), true
}
