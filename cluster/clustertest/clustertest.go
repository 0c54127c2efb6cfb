// Package clustertest makes clusters for tests: a cluster file with fresh keys and certificates.
package clustertest

import (
	"crypto/ed25519"
	"crypto/tls"
	"fmt"
	"testing"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/casper"
)

// Cluster is a cluster file and what its members hold.
type Cluster struct {
	File         *cluster.File
	Text         []byte
	Authority    *cluster.Authority
	Keys         map[string]ed25519.PrivateKey
	Certificates map[string]tls.Certificate
}

// Chain is the chain name of every test cluster: that of the recording in testdata.
const Chain = "casper-example"

// New returns a cluster of 2 of 3 cosigners (cosigner-1 to -3), the nodes node-a (main) and node-b,
// and the operator ops. edit may change the file before it is encoded.
func New(t testing.TB, validator casper.PublicKey, edit func(*cluster.File)) *Cluster {
	t.Helper()
	now := time.Now()
	authority, err := cluster.NewAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Authority: authority, Keys: map[string]ed25519.PrivateKey{}, Certificates: map[string]tls.Certificate{}}
	f := &cluster.File{
		ID: make([]byte, 16), Chain: Chain, Validator: validator, Threshold: 2, Main: "node-a",
		MinEraTime: cluster.Duration(2 * time.Hour), MinBlockTime: cluster.Duration(8 * time.Second),
		Grace: cluster.Duration(100 * time.Millisecond), Timing: "lan", CACertificate: string(authority.CertificatePEM()),
		Failover: cluster.DefaultFailover(), WitnessWait: cluster.Duration(3 * time.Second),
	}
	f.ID[0] = 1
	for i := range 3 {
		name := fmt.Sprintf("cosigner-%d", i+1)
		address := func(port int) string { return fmt.Sprintf("127.0.0.1:%d", port+i) }
		f.Cosigners = append(f.Cosigners, cluster.CosignerEntry{Name: name, Key: c.member(t, name, now), Share: i + 1,
			Address: address(20001), RaftAddress: address(20101), AdminAddress: address(20201)})
	}
	for i, name := range []string{"node-a", "node-b"} {
		f.Nodes = append(f.Nodes, cluster.NodeEntry{Name: name, Key: c.member(t, name, now),
			Address: fmt.Sprintf("127.0.0.1:%d", 20301+i)})
	}
	f.Operators = []cluster.Entry{{Name: "ops", Key: c.member(t, "ops", now)}}
	if edit != nil {
		edit(f)
	}
	if c.Text, err = f.Encode(); err != nil {
		t.Fatal(err)
	}
	if c.File, err = cluster.Parse(c.Text); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) member(t testing.TB, name string, now time.Time) cluster.Key {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := c.Authority.Issue(name, public, now)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := cluster.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	c.Keys[name], c.Certificates[name] = key, pair
	return cluster.Key(public)
}

// Request signs the node's request for the message, in the form that does not say when it asks.
func (c *Cluster) Request(t testing.TB, node string, m casper.Message) [64]byte {
	t.Helper()
	return c.Dated(t, node, m, 0)
}

// Dated signs the node's request for the message, asked at that index of the log.
func (c *Cluster) Dated(t testing.TB, node string, m casper.Message, askedAt uint64) [64]byte {
	t.Helper()
	signature, err := c.File.SignRequest(c.Keys[node], node, m, askedAt)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}
