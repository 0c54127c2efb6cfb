package cluster_test

import (
	"strings"
	"testing"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
)

// TestStock: a node is stock if the file says so and not otherwise; anything but yes or no is an
// error, and so is the word where there is no node.
func TestStock(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, func(f *cluster.File) { f.Nodes[1].Stock = true })
	if n := c.File.StockNodes(); n["node-a"] || !n["node-b"] || len(n) != 2 {
		t.Errorf("stock are %v", n)
	}
	text := string(c.Text)
	if strings.Count(text, "stock = true") != 1 || strings.Contains(text, "stock = false") {
		t.Errorf("it is written as\n%s", text)
	}
	for _, bad := range []string{"stock = 1", "stock = 'true'", "stock = true\nstock = true", "stok = true"} {
		if _, err := cluster.Parse([]byte(strings.Replace(text, "stock = true", bad, 1))); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if _, err := cluster.Parse([]byte("stock = true\n" + text)); err == nil {
		t.Error("a cluster is stock")
	}
	if plain := clustertest.New(t, casper.PublicKey{1}, nil); strings.Contains(string(plain.Text), "stock") {
		t.Error("a file without stock nodes has the word: a release before would refuse it")
	}
}

// TestAttesters: whose attestations count is what the file says.
func TestAttesters(t *testing.T) {
	c := clustertest.New(t, casper.PublicKey{1}, nil)
	who := c.File.Attesters()
	h, _ := attest.Of(casper.Vote{Round: casper.Round{Era: 3}})
	var all []attest.Attestation
	for _, name := range []string{"cosigner-1", "node-a", "ops", "cosigner-3"} {
		a := who.Sign(c.Keys[name], name, h)
		if err := who.Verify(h, a); (err == nil) != strings.HasPrefix(name, "cosigner") {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, a)
	}
	if who.Suffice(h, all[:3]) == nil || who.Threshold != 2 {
		t.Errorf("one cosigner suffices of %d", who.Threshold)
	}
	if err := who.Suffice(h, []attest.Attestation{all[0], all[3]}); err != nil {
		t.Error(err)
	}
	other := clustertest.New(t, casper.PublicKey{1}, func(f *cluster.File) { f.ID[0]++ })
	theirs := other.File.Attesters()
	theirs.Cosigners = who.Cosigners
	if theirs.Suffice(h, []attest.Attestation{all[0], all[3]}) == nil {
		t.Error("another cluster takes them")
	}
}
