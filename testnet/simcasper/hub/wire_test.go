package hub

import (
	"net"
	"reflect"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// TestFrames: what is received is what was sent, whatever the message, zero values included.
func TestFrames(t *testing.T) {
	round := casper.Round{Chainspec: casper.Hash{1, 0xff}, Era: 3, KeyBlock: casper.Hash{2}, ID: 7}
	echo := zug.Signed{Validator: 2, Message: casper.Echo{Round: round, Proposal: casper.Hash{0xee}},
		Signature: casper.Signature{9}}
	proposal := zug.Proposal{Round: round, Parent: -1, At: 5}
	frames := []Frame{
		{Hello: &Hello{ID: 0, Random: [12]byte{1}}},
		{Welcome: &Welcome{Version: "2.0.3",
			Chain:   zug.Chain{Name: "x", Weights: []uint64{1, 1}, Genesis: time.UnixMilli(5).UTC(), Block: time.Second},
			Upgrade: &Upgrade{Era: 4, Version: "2.0.4"}}},
		{Certificate: &casper.Signature{3}},
		{Peer: zug.All, Message: echo},
		{Peer: 1, Message: zug.Signed{Message: casper.Vote{Round: round}}},
		{Message: zug.Signed{Message: casper.Finality{Height: 3}}},
		{Message: zug.Proposed{Proposal: proposal, Echo: echo}},
		{Message: zug.SyncRequest{Round: round}},
		{Message: zug.SyncResponse{Proposal: &proposal, Signed: []zug.Signed{echo}, Era: 3, Current: 8}},
		{Message: zug.BlockRequest{Height: 1}},
		{Message: zug.BlockResponse{}},
		{Message: zug.BlockResponse{Block: &zug.Block{Height: 1, At: 7}}},
	}
	near, far := net.Pipe()
	a, b := NewConn(near), NewConn(far)
	defer a.Close()
	defer b.Close()
	go func() {
		for _, f := range frames {
			if err := a.Send(f); err != nil {
				t.Error(err)
			}
		}
		a.Close()
	}()
	for i, want := range frames {
		if got, err := b.Receive(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("frame %d: %+v, %v; want %+v", i, got, err, want)
		}
	}
	if f, err := b.Receive(); err == nil {
		t.Errorf("a frame after the end: %+v", f)
	}
}

// TestCertified: the order of the random bytes' exclusive or does not matter, the points'
// places do.
func TestCertified(t *testing.T) {
	h, w := Hello{Point: casper.TLSPoint{2, 1}, Random: [12]byte{0xf0, 1}},
		Welcome{Point: casper.TLSPoint{3, 2}, Random: [12]byte{0x0f, 1}}
	want := casper.Handshake{Random: [12]byte{0xff, 0}, Our: h.Point, Their: w.Point}
	if got := Certified(h, w); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNewPoint(t *testing.T) {
	for range 20 {
		if p := NewPoint(); !p.Valid() {
			t.Fatalf("%x is on no curve", p)
		}
	}
}
