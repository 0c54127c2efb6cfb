package daemon

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// links are the connections to other members, one each, for all that is asked of them.
type links map[string]*grpc.ClientConn

// dial adds a connection to each of the members but ourselves. More returns the options that one
// needs besides; it may be nil.
func (l links) dial(self Host, to []contact, more func(name string) []grpc.DialOption) error {
	for _, c := range to {
		if c.name == self.Name {
			continue
		}
		var options []grpc.DialOption
		if more != nil {
			options = more(c.name)
		}
		conn, err := self.Cluster.Dial(self.Certificate, c.name, c.address, options...)
		if err != nil {
			return fmt.Errorf("member %q: %w", c.name, err)
		}
		l[c.name] = conn
	}
	return nil
}

func (l links) close() error {
	var err error
	for _, c := range l {
		err = errors.Join(err, c.Close())
	}
	return err
}

// names returns who is reached, in order.
func (l links) names() []string { return slices.Sorted(maps.Keys(l)) }

// signer returns a client by which to pass requests on.
func (l links) signer(name string) (cosignerv1.SignerServiceClient, bool) {
	conn, ok := l[name]
	if !ok {
		return nil, false
	}
	return cosignerv1.NewSignerServiceClient(conn), true
}

// claims returns a client by which to pass claims on.
func (l links) claims(name string) (cosignerv1.ClaimServiceClient, bool) {
	conn, ok := l[name]
	if !ok {
		return nil, false
	}
	return cosignerv1.NewClaimServiceClient(conn), true
}

// cosigners returns clients by which to gather shares.
func (l links) cosigners() map[string]cosignerv1.CosignerServiceClient {
	return clients(l, cosignerv1.NewCosignerServiceClient)
}

// peers returns clients of what keeps cosigners in step.
func (l links) peers() map[string]cosignerv1.PeerServiceClient {
	return clients(l, cosignerv1.NewPeerServiceClient)
}

func clients[C any](l links, of func(grpc.ClientConnInterface) C) map[string]C {
	all := map[string]C{}
	for name, conn := range l {
		all[name] = of(conn)
	}
	return all
}
