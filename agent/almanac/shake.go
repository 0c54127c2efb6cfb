package almanac

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"time"

	"casper-cosigner/rule/casper"
)

// How a peer is asked.
const (
	shakeIn  = 3 * time.Second
	mostSent = 64 << 10 // bytes; certificate and handshake have some 2,000
	longest  = 4096     // bytes of a handshake; it has some 500
	hashedAt = 2        // bytes of MessagePack in front of a text of 32 to 255 bytes
	textOf   = 0xd9     // the first of these
)

// What a casper-node shows to whom it connects (tls.rs, generate_node_cert; network/tasks.rs,
// tls_connect). Whoever is asked need not know that a validator's agent asks.
const (
	nodeCountry      = "US"
	nodeOrganization = "Casper Blockchain"
	nodeName         = "casper-node"
	nodeServer       = "this-will-not-be-checked.example.com"
	nodeLead         = time.Minute // valid from so long ago
	nodeLasts        = 10 * 365 * 24 * time.Hour
)

// Shake returns the hash of the chainspec that a casper-node says it runs with. It says so before
// it has heard anything (network/tasks.rs, negotiate_handshake). The connection ends then: nothing
// is said to the peer, and nothing that it says is proven, nor need be: see package instance.
func Shake(ctx context.Context, address string) (hash casper.Hash, err error) {
	ctx, cancel := context.WithTimeout(ctx, shakeIn)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = ctx.Err() // which closed the connection
		}
		if err != nil {
			err = fmt.Errorf("asking the casper-node at %s for its chainspec: %w", address, err)
		}
	}()
	if _, err := netip.ParseAddrPort(address); err != nil { // a name would have to be looked up somewhere
		return hash, err
	}
	own, err := passing()
	if err != nil {
		return hash, err
	}
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return hash, err
	}
	defer plain.Close()
	defer context.AfterFunc(ctx, func() { plain.Close() })()
	conn := tls.Client(&metered{Conn: plain, left: mostSent}, &tls.Config{MinVersion: tls.VersionTLS13,
		Certificates: []tls.Certificate{own}, ServerName: nodeServer,
		InsecureSkipVerify: true}) //nolint:gosec // nobody is known by name there, nor need be
	if err := conn.HandshakeContext(ctx); err != nil {
		return hash, err
	}
	return readShake(conn)
}

// metered is a connection of which only so many bytes are read.
type metered struct {
	net.Conn
	left int
}

// Read reads.
func (m *metered) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errors.New("it sends more than a handshake")
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

func readShake(from io.Reader) (casper.Hash, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return casper.Hash{}, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > longest {
		return casper.Hash{}, fmt.Errorf("a handshake of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return casper.Hash{}, err
	}
	return chainspecOf(text)
}

// chainspecOf reads the last field of a handshake (network/message.rs), a hash in hex as
// MessagePack writes a text. The fields before it are of no use here, and differ between versions.
func chainspecOf(handshake []byte) (hash casper.Hash, err error) {
	const size = 2 * len(hash)
	at := len(handshake) - size
	if at < hashedAt || handshake[at-hashedAt] != textOf || handshake[at-1] != byte(size) {
		return hash, errors.New("its handshake does not end with the hash of a chainspec; is it casper-node's?")
	}
	if _, err := hex.Decode(hash[:], handshake[at:]); err != nil {
		return casper.Hash{}, fmt.Errorf("reading its handshake: %w", err)
	}
	return hash, nil
}

// passing returns a certificate as a casper-node makes one at each start, and as its peers want it
// (tls.rs, validate_self_signed_cert). Nobody has met it before, and nobody will again.
func passing() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	utf8 := func(text string) asn1.RawValue { return asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(text)} }
	var name pkix.RDNSequence
	for _, part := range []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: nodeCountry},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: utf8(nodeOrganization)},
		{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: utf8(nodeName)}} {
		name = append(name, pkix.RelativeDistinguishedNameSET{part})
	}
	subject, err := asn1.Marshal(name)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: subject, NotBefore: now.Add(-nodeLead),
		NotAfter: now.Add(nodeLasts), SignatureAlgorithm: x509.ECDSAWithSHA512}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
