package almanac

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"casper-cosigner/rule/casper"
)

// How a peer is asked.
const (
	shakeIn     = 5 * time.Second
	longest     = 4096            // bytes of a handshake; it has some 500
	hashedAt    = 2               // bytes of MessagePack in front of a text of 32 to 255 bytes
	textOf      = 0xd9            // the first of these
	shakeAgain  = 2 * time.Second // pause after a round of peers of whom none told
	certificate = 24 * time.Hour
)

// Run asks peers of the node for the chainspec's hash, after each start of it, until ctx ends. A
// peer that runs with another one is none.
func (a *Almanac) Run(ctx context.Context) {
	for {
		var q question
		select {
		case q = <-a.ask:
		case <-ctx.Done():
			return
		}
		if a.answered(q.of) || a.shake(ctx, q) {
			continue
		}
		pause := time.NewTimer(shakeAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
	}
}

// answered reports whether a chainspec was heard of that run already, while the question waited.
func (a *Almanac) answered(of run) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return of.same(a.running)
}

// shake asks the peers one after the other until one tells.
func (a *Almanac) shake(ctx context.Context, q question) bool {
	var faults []error
	for _, peer := range q.peers {
		hash, err := a.Chainspec(ctx, peer)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.known.Chainspec(here, hash)
		a.running = q.of
		a.Logger.Info().Stringer("chainspec", hash).Str("peer", peer).Msg("the chainspec's hash is known")
		return true
	}
	if ctx.Err() == nil {
		a.Logger.Warn().Err(errors.Join(faults...)).Int("peers", len(q.peers)).
			Msg("no peer of the node tells the chainspec's hash; without it nothing is claimed")
	}
	return false
}

// Shake returns the hash of the chainspec that a casper-node says it runs with. It says so before
// it has heard anything (network/tasks.rs, negotiate_handshake), and drops the connection when it
// hears nothing. What it says proves nothing, and need not: see package instance.
func Shake(ctx context.Context, address string) (casper.Hash, error) {
	ctx, cancel := context.WithTimeout(ctx, shakeIn)
	defer cancel()
	own, err := passing()
	if err != nil {
		return casper.Hash{}, err
	}
	dialer := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
		InsecureSkipVerify: true}} //nolint:gosec // nobody is known by name there, nor need be
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return casper.Hash{}, fmt.Errorf("asking the casper-node at %s for its chainspec: %w", address, err)
	}
	defer conn.Close()
	hash, err := readShake(ctx, conn)
	if err != nil {
		return casper.Hash{}, fmt.Errorf("asking the casper-node at %s for its chainspec: %w", address, err)
	}
	return hash, nil
}

func readShake(ctx context.Context, conn net.Conn) (casper.Hash, error) {
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return casper.Hash{}, err
		}
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return casper.Hash{}, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > longest {
		return casper.Hash{}, fmt.Errorf("a handshake of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(conn, text); err != nil {
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

// passing returns a certificate as casper-node wants it of a peer (tls.rs,
// validate_self_signed_cert), which nobody has met before and nobody will again.
func passing() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	name := pkix.Name{Country: []string{"US"}, Organization: []string{"Casper Blockchain"}, CommonName: "casper-cosigner"}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Issuer: name, Subject: name, NotBefore: now.Add(-time.Minute),
		NotAfter: now.Add(certificate), SignatureAlgorithm: x509.ECDSAWithSHA512}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
