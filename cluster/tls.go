package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// ServerTLS is for a listener that takes only members of the given roles.
func (f *File) ServerTLS(own tls.Certificate, roles ...Role) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    f.pool,
		VerifyConnection: func(s tls.ConnectionState) error {
			m, err := f.memberOf(s)
			if err != nil {
				return err
			}
			if !slices.Contains(roles, m.Role) {
				return fmt.Errorf("%s %q has no business here", m.Role, m.Name)
			}
			return nil
		},
	}
}

// ClientTLS is for a connection to the named member and nobody else.
func (f *File) ClientTLS(own tls.Certificate, name string) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{own},
		RootCAs:      f.pool,
		ServerName:   name,
		VerifyConnection: func(s tls.ConnectionState) error {
			m, err := f.memberOf(s)
			if err != nil {
				return err
			}
			if m.Name != name {
				return fmt.Errorf("reached %q, wanted %q", m.Name, name)
			}
			return nil
		},
	}
}

// memberOf returns the member whose registered key is on the peer's certificate. TLS has
// checked by then that the authority signed the certificate, that it is in date and that the
// peer holds the key.
func (f *File) memberOf(s tls.ConnectionState) (Member, error) {
	if len(s.PeerCertificates) == 0 {
		return Member{}, errors.New("the peer has no certificate")
	}
	key, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return Member{}, errors.New("the peer's certificate is not over an Ed25519 key")
	}
	m, ok := f.byKey(key)
	if !ok {
		return Member{}, fmt.Errorf("key %x is not in the cluster file; add the member's entry on every host", []byte(key))
	}
	if name := s.PeerCertificates[0].Subject.CommonName; name != m.Name {
		return Member{}, fmt.Errorf("the certificate is for %q, the key is registered for %q", name, m.Name)
	}
	return m, nil
}

// Caller returns the member on the other end of a gRPC call.
func (f *File) Caller(ctx context.Context) (Member, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Member{}, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return Member{}, false
	}
	m, err := f.memberOf(info.State)
	return m, err == nil
}

// PeerName returns the member on the other end of a connection whose TLS handshake is done.
func (f *File) PeerName(c net.Conn) (string, error) {
	t, ok := c.(*tls.Conn)
	if !ok {
		return "", errors.New("not a TLS connection")
	}
	m, err := f.memberOf(t.ConnectionState())
	return m.Name, err
}

// LoadCertificate reads a member's certificate and key, and refuses what others would: another
// authority's certificate, a key that is not the one registered for the name, a certificate that
// is out of date.
func (f *File) LoadCertificate(name string, certPEM, keyPEM []byte) (tls.Certificate, error) {
	c, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return c, fmt.Errorf("loading the certificate of %q: %w", name, err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return c, fmt.Errorf("loading the certificate of %q: %w", name, err)
	}
	if _,
		err := leaf.Verify(x509.VerifyOptions{Roots: f.pool,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return c, fmt.Errorf("loading the certificate of %q: %w", name, err)
	}
	m, err := f.memberOf(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
	if err != nil {
		return c, fmt.Errorf("loading the certificate of %q: %w", name, err)
	}
	if m.Name != name {
		return c, fmt.Errorf("loading the certificate of %q: it is that of %q", name, m.Name)
	}
	return c, nil
}
