package localnet

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"casper-cosigner/agent/almanac"
	"casper-cosigner/rule/casper"
)

// TestRealShake: casper-nodes tell the chainspec's hash to a stranger, all the same one, and show
// the certificate that we show.
func TestRealShake(t *testing.T) {
	const subject = "303f310b3009060355040613025553311a3018060355040a0c1143617370657220426c6f636b636861696e" +
		"3114301206035504030c0b6361737065722d6e6f6465"
	network, ctx := realNetwork(t, 2*time.Minute, Config{Validators: make([]Validator, 2),
		BlockTime: 2 * time.Second, EraDuration: time.Minute})
	awaitHeight(t, ctx, follow(t, network, network.Nodes[0]), 1)
	heard := map[casper.Hash]bool{}
	var asking sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		for _, n := range network.Nodes {
			asking.Go(func() {
				hash, err := almanac.Shake(ctx, n.Network)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				heard[hash] = true
			})
		}
	}
	asking.Wait()
	if len(heard) != 1 || heard[casper.Hash{}] {
		t.Errorf("heard %v", heard)
	}
	conn, err := tls.Dial("tcp", network.Nodes[0].Network, &tls.Config{InsecureSkipVerify: true, //nolint:gosec // a test's
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			c, err := x509.ParseCertificate(raw[0])
			if err == nil && (hex.EncodeToString(c.RawSubject) != subject || len(c.Extensions) != 0 || c.Version != 3) {
				t.Errorf("a node shows %x, %+v", c.RawSubject, c)
			}
			if err == nil {
				t.Log("it lasts", c.NotAfter.Sub(c.NotBefore))
			}
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}
