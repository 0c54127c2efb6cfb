package hostile

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/testnet"
)

// TestStolenKeyReplaced: whoever stole one cosigner's key states marks at their end with it, above
// which nothing can be founded. That cosigner is lost for good, and the others go on. With a new
// key for it, and that statement typed away, the cluster is founded anew with all, by the same
// shares.
func TestStolenKeyReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed := r.signSome(2)
	r.stop(testnet.Standby)
	n := r.node(testnet.Standby)
	lie := witness.Sign(r.keyOf(filepath.Join(r.Dir, "c3", "tls.key")), witness.Statement{
		Validator: n.Cluster.Validator, Cluster: witness.ID(n.Cluster.ID), Name: "c3",
		Directory: witness.ID{1}, Boot: 1, Session: witness.ID{2}, Term: 1, Applied: math.MaxUint64,
		Newest: watermark.Mark{Era: math.MaxUint64, Height: math.MaxUint64}})
	shown := &cosignerv1.PingRequest{Health: &cosignerv1.NodeHealth{},
		Statements: []*cosignerv1.SignedStatement{wire.Statement(lie)}}
	if _, err := n.Ping(t.Context(), "c1", shown); err != nil {
		t.Fatal(err)
	}
	r.heldBack("c3", "has lost what it remembered", "18446744073709551615")
	r.remembered(testnet.Main, "c1", "c2")
	signed = append(signed, r.signSome(2)...)
	r.sound("c1", "c2")

	everybody := append([]string{testnet.Main, testnet.Standby}, r.names...)
	r.stop(r.names...)
	r.stop(testnet.Main)
	r.newKey("c3", append(everybody, "operator")...)
	r.anew(watermark.Mark{Era: era + 1, Height: 1000})
	r.start(everybody...)
	for _, name := range r.names {
		r.heldBack(name, "not founded", "ID "+lie.ID())
	}
	for _, name := range r.names {
		if err := r.Command(t.Context(), "cosigner", "found", "--disregard", lie.ID(), "--config",
			r.config(name)); err != nil {
			t.Fatal(err)
		}
	}
	r.ready()
	r.free.Round.Era = era + 1
	r.stop("c1") // so that c3 is needed
	r.signSome(2)
	r.sound("c2", "c3")
	r.nothingTwice(signed, 0)
}

// TestKeyReplaced: a cosigner that lost nothing goes on, on its directory, with another key.
func TestKeyReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	signed := r.signSome(2)
	everybody := append([]string{testnet.Main, testnet.Standby}, r.names...)
	r.stop(everybody...)
	r.newKey("c3", append(everybody, "operator")...)
	r.start(everybody...)
	r.ready()
	r.stop("c1") // so that c3 is needed
	r.signSome(2)
	r.sound("c2", "c3")
	r.nothingTwice(signed, 0)
}

// TestMarkTooHigh: the last height that there is was bound, so that nothing is signed any more.
// Made anew where the chain is each cosigner is lost for good, by what one agent keeps that does
// not forget, whatever an operator types. With new keys for all, and what the old ones signed typed
// away, the same cluster goes on.
func TestMarkTooHigh(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.stop(r.names...)
	r.forget(testnet.Main, testnet.Standby)
	r.anew(watermark.Mark{Height: math.MaxUint64})
	r.start(r.names...)
	r.ready()
	r.sign(r.a, testnet.MadeUpFinality(chain, era, math.MaxUint64))
	r.remembered(testnet.Main, r.names...)
	r.remembered(testnet.Standby, r.names...)
	r.stop(r.names...)
	var old []string // that the operator types
	for _, name := range r.names {
		s := witness.Sign(r.keyOf(filepath.Join(r.Dir, name, "tls.key")), witness.Statement{Name: name,
			Cluster: witness.ID(r.node(testnet.Standby).Cluster.ID)})
		old = append(old, "--disregard", s.ID())
	}
	found := func(more ...string) {
		t.Helper()
		for _, name := range r.names {
			args := append([]string{"cosigner", "found", "--config", r.config(name)}, append(more, old...)...)
			if err := r.Command(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	lost := func() {
		t.Helper()
		for _, name := range r.names {
			r.heldBack(name, "has lost what it remembered", "height 18446744073709551615")
		}
	}
	made := watermark.Mark{Era: era, Height: 1000}
	r.forget(testnet.Main)
	r.anew(made)
	r.start(r.names...)
	lost()
	found("--without", testnet.Standby)
	lost()

	everybody := append([]string{testnet.Main, testnet.Standby}, r.names...)
	r.stop(everybody...)
	for _, name := range r.names {
		r.newKey(name, append(everybody, "operator")...)
	}
	r.anew(made)
	r.start(everybody...)
	for _, name := range r.names {
		r.heldBack(name, "not founded", "ID ")
	}
	found()
	r.ready()
	r.signSome(1)
	r.sign(r.a, testnet.MadeUpFinality(chain, era, made.Height))
	r.sound(r.names...)
}

// forget starts agents again without what they kept.
func (r *rig) forget(agents ...string) {
	r.t.Helper()
	for _, agent := range agents {
		r.stop(agent)
		if err := os.Rename(r.kept(agent), r.kept(agent)+".old"); err != nil {
			r.t.Fatal(err)
		}
		r.start(agent)
	}
}

// anew makes the states of all cosigners anew, none of which runs.
func (r *rig) anew(first watermark.Mark) {
	r.t.Helper()
	e, h := strconv.FormatUint(first.Era, 10), strconv.FormatUint(first.Height, 10)
	for _, name := range r.names {
		err := os.RemoveAll(r.StateDir(name))
		if err == nil {
			err = r.Command(r.t.Context(), "cosigner", "init", "--first-era", e, "--first-height", h, "--again", e+"/"+h,
				"--config", r.config(name))
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// newKey gives a cosigner that does not run another key, as an operator does who puts it into the
// cluster file of each host.
func (r *rig) newKey(name string, hosts ...string) {
	r.t.Helper()
	made, host := filepath.Join(r.t.TempDir(), "cosigner.toml"), filepath.Join(r.Dir, name)
	err := r.Command(r.t.Context(), "cosigner", "init", "--new", name, "--config", made)
	if err == nil {
		err = os.Rename(filepath.Join(filepath.Dir(made), "tls.key"), filepath.Join(host, "tls.key"))
	}
	if err == nil {
		err = os.Remove(filepath.Join(host, "tls.crt"))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	key := []byte(r.keyOf(filepath.Join(host, "tls.key")).Public().(ed25519.PublicKey))
	for _, other := range hosts {
		r.edit(other, `(?s)(name = '`+name+`'.*?\nkey = )'[0-9a-f]+'`, fmt.Sprintf("$1'%x'", key))
	}
	if err := r.Command(r.t.Context(), "certificate", "issue", name, "--ca", filepath.Join(r.Dir, "ca"), "--cluster",
		filepath.Join(host, "cluster.toml"), "--out", filepath.Join(host, "tls.crt")); err != nil {
		r.t.Fatal(err)
	}
}

// keyOf is the key in a file.
func (r *rig) keyOf(path string) ed25519.PrivateKey {
	r.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		r.t.Fatal(err)
	}
	return key.(ed25519.PrivateKey)
}
