package daemon

import (
	"errors"
	"fmt"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// peers are the connections to the other cosigners, one each, for all that is asked of them.
type peers map[string]*grpc.ClientConn

func newPeers(m Member) (peers, error) {
	p := peers{}
	for _, c := range m.Cluster.Cosigners {
		if c.Name == m.Name {
			continue
		}
		conn, err := m.Cluster.Dial(m.Certificate, c.Name, c.Address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cosigner %q: %w", c.Name, err), p.close())
		}
		p[c.Name] = conn
	}
	return p, nil
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
