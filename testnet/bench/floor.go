package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/testnet"
)

const floorSamples = 2000

// floors are what no signer on this machine can do without, each the median of its samples.
type floors struct {
	sync, echo, verify time.Duration
}

// The least that a signature takes, one after the other: to the agent is not counted; agent to
// leader, leader to a follower for the claim and again for its share; the claim on the disks of
// leader and follower and in the ledger.
const (
	leastEchoes = 3
	leastSyncs  = 3
)

func (f floors) least() time.Duration {
	return leastEchoes*f.echo + leastSyncs*f.sync + f.verify
}

func (b *bench) floor(ctx context.Context) error {
	var all [3]testnet.Latencies
	for i, measure := range []func(context.Context, string) (testnet.Latencies, error){syncFloor, echoFloor, verifyFloor} {
		var err error
		if all[i], err = measure(ctx, b.dir); err != nil {
			return err
		}
	}
	b.floors = floors{all[0].Quantile(0.5), all[1].Quantile(0.5), all[2].Quantile(0.5)}
	for i, name := range []string{"floor: fdatasync of 512 B", "floor: gRPC round trip with mTLS",
		"floor: Ed25519 verification"} {
		b.figure(name, quantiles(all[i]), "")
	}
	b.figure("floor of a signature", testnet.Millis(b.floors.least()), "")
	b.printf("  (%d round trips, %d fdatasync and a verification, one after the other)\n", leastEchoes, leastSyncs)
	return nil
}

func quantiles(l testnet.Latencies) string {
	return fmt.Sprintf("p50 %s, p99 %s", testnet.Millis(l.Quantile(0.5)), testnet.Millis(l.Quantile(0.99)))
}

// timed measures something again and again.
func timed(ctx context.Context, do func() error) (testnet.Latencies, error) {
	var l testnet.Latencies
	for range floorSamples {
		start := time.Now()
		if err := errors.Join(do(), ctx.Err()); err != nil {
			return nil, fmt.Errorf("measuring a floor: %w", err)
		}
		l = append(l, time.Since(start))
	}
	return l, nil
}

// syncFloor writes into space that is on disk already, as a ledger does.
func syncFloor(ctx context.Context, dir string) (testnet.Latencies, error) {
	const size = 512
	f, err := os.Create(filepath.Join(dir, "floor"))
	if err != nil {
		return nil, fmt.Errorf("measuring fdatasync: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, size*floorSamples)); err != nil {
		return nil, fmt.Errorf("measuring fdatasync: %w", err)
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("measuring fdatasync: %w", err)
	}
	record, at := make([]byte, size), int64(0)
	return timed(ctx, func() error {
		record[0]++
		_, err := f.WriteAt(record, at)
		at += size
		return errors.Join(err, unix.Fdatasync(int(f.Fd())))
	})
}

func verifyFloor(ctx context.Context, _ string) (testnet.Latencies, error) {
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("measuring verification: %w", err)
	}
	text := make([]byte, 32)
	signature := ed25519.Sign(secret, text)
	return timed(ctx, func() error {
		if !ed25519.Verify(public, text, signature) {
			return errors.New("a signature is not valid")
		}
		return nil
	})
}

// echo answers without doing anything.
type echo struct {
	cosignerv1.UnimplementedSignerServiceServer
}

func (echo) Sign(context.Context, *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Signed{
		Signed: &cosignerv1.Signed{Signature: make([]byte, ed25519.SignatureSize)}}}, nil
}

// echoFloor asks over loopback TCP with client certificates, as an agent asks a cosigner.
func echoFloor(ctx context.Context, _ string) (testnet.Latencies, error) {
	e, err := openEcho()
	if err != nil {
		return nil, err
	}
	defer e.server.Stop()
	ask, closeConn, err := e.asker(e.address)
	if err != nil {
		return nil, err
	}
	defer closeConn() //nolint:errcheck // nothing is lost
	return timed(ctx, func() error { return ask(ctx) })
}

// echoServer is a running echo, and what both ends prove who they are with.
type echoServer struct {
	server   *grpc.Server
	address  string
	settings *tls.Config
}

// openEcho starts one, which its server's Stop ends.
func openEcho() (*echoServer, error) {
	settings, err := echoTLS()
	if err != nil {
		return nil, fmt.Errorf("measuring a round trip: %w", err)
	}
	listener, err := net.Listen("tcp", testnet.Loopback(0))
	if err != nil {
		return nil, fmt.Errorf("measuring a round trip: %w", err)
	}
	e := &echoServer{server: grpc.NewServer(grpc.Creds(credentials.NewTLS(settings))),
		address: listener.Addr().String(), settings: settings}
	cosignerv1.RegisterSignerServiceServer(e.server, echo{})
	go e.server.Serve(listener) //nolint:errcheck // ended by Stop
	return e, nil
}

// asker returns what asks once, at an address that leads to the echo.
func (e *echoServer) asker(address string) (ask func(context.Context) error, closeConn func() error, err error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(e.settings)))
	if err != nil {
		return nil, nil, fmt.Errorf("measuring a round trip: %w", err)
	}
	client := cosignerv1.NewSignerServiceClient(conn)
	request := &cosignerv1.SignRequest{Node: "node", RequestSignature: make([]byte, 200)}
	return func(ctx context.Context) error {
		_, err := client.Sign(ctx, request)
		return err
	}, conn.Close, nil
}

// echoTLS serves both ends: one key, certified as the product certifies.
func echoTLS() (*tls.Config, error) {
	const name = "echo"
	now := time.Now()
	authority, err := cluster.NewAuthority(now)
	if err != nil {
		return nil, err
	}
	public, secret, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	certificate, err := authority.Issue(name, public, now)
	if err != nil {
		return nil, err
	}
	key, err := cluster.EncodeKey(secret)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.CertificatePEM())
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, RootCAs: pool, ServerName: name}, nil
}
