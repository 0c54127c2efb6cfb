package almanac

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent/health"
	"casper-cosigner/rule/casper"
)

// TestHandshake: only the hash at its end is read.
func TestHandshake(t *testing.T) {
	hash := casper.Hash{5}
	good := append([]byte("network, address, version\xd9\x40"), hash.String()...)
	if got, err := chainspecOf(good); err != nil || got != hash {
		t.Errorf("got %v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "the hash alone": good[len(good)-64:], "no text": append([]byte("..\xda\x40"), hash.String()...),
		"another length": append([]byte("..\xd9\x41"), hash.String()...), "more": append(good, 0),
		"no hex": append([]byte("..\xd9\x40"), strings.Repeat("x", 64)...), "none": append(good[:25:25], 0xc0),
	} {
		if got, err := chainspecOf(bad); err == nil {
			t.Errorf("%s: got %v from %s", name, got, hex.EncodeToString(bad))
		}
	}
	for size, want := range map[int]bool{longest: true, longest + 1: false} {
		text := append(make([]byte, size-len(good)), good...)
		got, err := readShake(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(size)), text...)))
		if (err == nil && got == hash) != want {
			t.Errorf("of %d bytes %v is read, %v", size, got, err)
		}
	}
}

// handshakeOf is what a casper-node says whose chainspec has that hash.
func handshakeOf(hash casper.Hash) []byte {
	text := append([]byte("network, address, version\xd9\x40"), hash.String()...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// peer listens as one peer of the node, does what it does with each connection, and returns its
// address.
func peer(t *testing.T, does func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer conn.Close(); does(conn) })
		}
	})
	return l.Addr().String()
}

// over is a peer that does the handshake of TLS first, as casper-node does.
func over(t *testing.T, does func(*tls.Conn)) func(net.Conn) {
	own, err := passing()
	if err != nil {
		t.Fatal(err)
	}
	return func(conn net.Conn) {
		c := tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own},
			ClientAuth: tls.RequireAnyClientCert})
		if c.Handshake() == nil {
			does(c)
		}
	}
}

// says is a peer that says this, and waits for the other one to end.
func says(t *testing.T, text []byte) func(net.Conn) {
	return over(t, func(c *tls.Conn) {
		_, _ = c.Write(text)
		_, _ = io.Copy(io.Discard, c)
	})
}

// endless sends the same until nobody reads it.
func endless(w io.Writer) {
	for text := make([]byte, 1<<14); ; {
		if _, err := w.Write(text); err != nil {
			return
		}
	}
}

// hostile is what peers do that tell nothing. Each ends only when we end the connection.
func hostile(t *testing.T) map[string]func(net.Conn) {
	return map[string]func(net.Conn){
		"hangs":  func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"closes": func(net.Conn) {},
		"sends garbage": func(c net.Conn) {
			_, _ = c.Write([]byte(strings.Repeat("garbage", 1000)))
			_, _ = io.Copy(io.Discard, c)
		},
		"sends endlessly":            func(c net.Conn) { endless(c) },
		"hangs after TLS":            over(t, func(c *tls.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"closes after TLS":           over(t, func(*tls.Conn) {}),
		"garbage after TLS":          says(t, handshakeOf(casper.Hash{})[:60]),
		"a handshake of 4 GB":        says(t, []byte{0xff, 0xff, 0xff, 0xff, 1}),
		"sends endlessly after TLS":  over(t, func(c *tls.Conn) { endless(c) }),
		"a handshake without a hash": says(t, []byte{0, 0, 0, 3, 1, 2, 3}),
	}
}

// TestShake: what a peer says is read, and we end the connection soon, whatever it does: each of
// them waits for that.
func TestShake(t *testing.T) {
	t.Parallel()
	honest := peer(t, says(t, handshakeOf(wanted.Chainspec)))
	if got, err := Shake(t.Context(), honest); err != nil || got != wanted.Chainspec {
		t.Errorf("got %v, %v", got, err)
	}
	_, err := Shake(t.Context(), "node.example.com:35000")
	if err == nil || !strings.Contains(err.Error(), "ParseAddr") {
		t.Errorf("a name is looked up: %v", err)
	}
	for name, does := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := Shake(t.Context(), peer(t, does)); err == nil {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestMetered: no more is read of a peer than a handshake has.
func TestMetered(t *testing.T) {
	ours, theirs := net.Pipe()
	go endless(theirs)
	n, err := io.Copy(io.Discard, io.LimitReader(&metered{Conn: ours, left: mostSent}, 4*mostSent))
	if n != mostSent || err == nil {
		t.Errorf("read %d, %v", n, err)
	}
	ours.Close()
}

// TestHostilePeers: of 16 peers 15 lie or say nothing of use, and the instance is found.
func TestHostilePeers(t *testing.T) {
	t.Parallel()
	all := []string{peer(t, says(t, handshakeOf(wanted.Chainspec)))}
	for _, does := range hostile(t) {
		all = append(all, peer(t, does))
	}
	for i := byte(0); len(all) < atOnce; i++ {
		all = append(all, peer(t, says(t, handshakeOf(casper.Hash{9, i}))))
	}
	a := New(Config{Validator: validator, Logger: zerolog.Nop(), Chainspec: Shake})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { a.Run(ctx) })
	defer running.Wait()
	defer cancel()
	a.Ended(health.EraEnd{Era: wanted.Era - 1, Last: wanted.KeyBlock})
	a.Status(health.Status{Version: "2.0.3", Addresses: all}, time.Now())
	for {
		if r, _, missing := a.Find(wanted.Instance()); missing == "" {
			if r != wanted {
				t.Errorf("found %v", r)
			}
			return
		}
		<-time.After(10 * time.Millisecond)
	}
}

// TestPassing: what we show is what a casper-node shows, with a key of its own each time.
func TestPassing(t *testing.T) {
	var keys []*ecdsa.PublicKey
	for range 2 {
		own, err := passing()
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(own.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		// As openssl writes it for casper-node: a printable string, and two in UTF-8.
		const subject = "303f310b3009060355040613025553311a3018060355040a0c1143617370657220426c6f636b636861696e" +
			"3114301206035504030c0b6361737065722d6e6f6465"
		if got := hex.EncodeToString(c.RawSubject); got != subject || string(c.RawIssuer) != string(c.RawSubject) {
			t.Errorf("it is %s, want %s", got, subject)
		}
		if err := c.CheckSignature(x509.ECDSAWithSHA512, c.RawTBSCertificate, c.Signature); err != nil {
			t.Error(err)
		}
		if len(c.Extensions) != 0 || c.Version != 3 || c.SerialNumber.Int64() != 1 ||
			c.NotAfter.Sub(c.NotBefore) != nodeLasts+nodeLead {
			t.Errorf("it is not like a node's: %+v", c)
		}
		keys = append(keys, c.PublicKey.(*ecdsa.PublicKey))
	}
	if keys[0].Curve != elliptic.P521() || keys[0].Equal(keys[1]) {
		t.Error("it is of another curve, or one key is used twice")
	}
}
