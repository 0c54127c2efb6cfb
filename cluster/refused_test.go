package cluster

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"
)

// TestRefusalBeforeFailedWrite: who does not take our certificate says so and hangs up, and then a
// write of ours fails, before anybody has read what was said.
func TestRefusalBeforeFailedWrite(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	authority, err := NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := authority.Issue("c1", public, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	own := tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}
	gone := make(chan error, 1)
	go func() {
		raw, err := listener.Accept()
		if err != nil {
			gone <- err
			return
		}
		server := tls.Server(raw, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
			NextProtos: []string{"h2"}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}) // nobody's
		_ = server.HandshakeContext(t.Context()) // fails
		gone <- raw.Close()
	}()
	raw, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	refused := 0
	client := noting{credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
		InsecureSkipVerify: true}), func(error) { refused++ }} //nolint:gosec // it is the server that looks
	conn, _, err := client.ClientHandshake(t.Context(), "c1", raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-gone; err != nil {
		t.Fatal(err)
	}
	for err == nil { // the first ones may still go out
		_, err = conn.Write([]byte{1})
	}
	if refused != 1 {
		t.Errorf("told %d times, want once, of what came before %v", refused, err)
	}
}
