package raftstore

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"casper-cosigner/rule/machine"
)

// authority issues certificates whose common name is the member's.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  ed25519.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	_, a.key, _ = ed25519.GenerateKey(rand.Reader)
	a.cert = a.sign(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.key)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(c *x509.Certificate, key ed25519.PrivateKey) *x509.Certificate {
	a.t.Helper()
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(1), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := a.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

func (a *authority) config(name string) *tls.Config {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	cert := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, DNSNames: []string{"cosigner"}}, key)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: "cosigner", RootCAs: a.pool, ClientCAs: a.pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
	}
}

// onLoopback makes a trio speak mTLS over TCP.
func onLoopback(t testing.TB) func(name string, c *Config) {
	a := newAuthority(t)
	listeners := map[string]net.Listener{}
	for _, name := range trioNames {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[name] = l
	}
	return func(name string, c *Config) {
		conf := a.config(name)
		for i, m := range c.Voters {
			c.Voters[i].Address = listeners[m.Name].Addr().String()
		}
		dialer := &tls.Dialer{Config: conf}
		c.Network.Listener = tls.NewListener(listeners[name], conf)
		c.Network.Dial = func(ctx context.Context, to string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", to) }
		c.Network.PeerName = func(conn net.Conn) (string, error) {
			certs := conn.(*tls.Conn).ConnectionState().PeerCertificates
			if len(certs) == 0 {
				return "", errors.New("no certificate")
			}
			return certs[0].Subject.CommonName, nil
		}
	}
}

// TestOverTLS: three members elect, commit and hand over by mTLS over TCP. The time is real, so
// they wait for each other as if far apart: on a slow machine whoever led may lead no more.
func TestOverTLS(t *testing.T) {
	patient, err := Profile("wan")
	if err != nil {
		t.Fatal(err)
	}
	overTLS := onLoopback(t)
	tr := newTrio(t, func(name string, c *Config) {
		overTLS(name, c)
		c.Timing = patient
	})
	defer tr.stopAll()
	tr.apply(1, 1)
	tr.until("the lead is handed over", func() bool { return tr.leader().HandOver() == nil })
	tr.apply(2, 2)
	tr.wantHeld(map[uint64]byte{1: 1, 2: 2})
}

// BenchmarkApply claims through three members on loopback with mTLS and fsync.
func BenchmarkApply(b *testing.B) {
	for name, inFlight := range map[string]int{"1 in flight": 1, "64 in flight": 64} {
		b.Run(name, func(b *testing.B) { benchmarkApply(b, inFlight) })
	}
}

func benchmarkApply(b *testing.B, inFlight int) {
	tr := newTrio(b, onLoopback(b))
	defer tr.stopAll()
	leader := tr.leader()
	before := leader.Writes()
	var next atomic.Uint64
	took := make([][]time.Duration, inFlight)
	var running sync.WaitGroup
	b.ResetTimer()
	for i := range inFlight {
		running.Go(func() {
			for {
				h := next.Add(1)
				if h > uint64(b.N) {
					return
				}
				start := time.Now()
				c := claim(h, byte(h))
				c.AskedAt = leader.Next().Index - 1 // one that was asked when the log began goes stale
				if r, err := leader.Apply(context.Background(), c); err != nil || r.Outcome != machine.Done {
					b.Error(r, err)
					return
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	running.Wait()
	b.StopTimer()
	report(b, slices.Concat(took...))
	b.ReportMetric(float64(leader.Writes()-before)/float64(b.N), "writes/op")
	var size int64
	filepath.WalkDir(leader.path, func(_ string, d fs.DirEntry, err error) error {
		if info, infoErr := d.Info(); err == nil && infoErr == nil && !d.IsDir() {
			size += info.Size()
		}
		return nil
	})
	b.ReportMetric(float64(size)/(1<<20), "MB-on-disk")
}

// BenchmarkFdatasync is the floor: one write of an entry's size.
func BenchmarkFdatasync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	entry := make([]byte, 512)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := f.Write(entry); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
