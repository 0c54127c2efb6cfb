package custodian_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/custodian"
	"casper-cosigner/keygen/seed"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/machine"
	"casper-cosigner/rule/wire"
)

// bench is one cosigner that leads, with a log of its own and what it recorded.
type bench struct {
	t         *testing.T
	config    custodian.Config
	server    *custodian.Server
	caller    cluster.Member
	state     *machine.State
	index     uint64
	records   []custody.Record
	failing   error // of the disk
	lost      error // of its memory
	unwritten error // of the log
	key       ed25519.PrivateKey
	recipient *seed.Recipient
	log       bytes.Buffer
}

func newBench(t *testing.T) *bench {
	secret := [32]byte{1}
	b := &bench{t: t, state: machine.New(), key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)),
		caller: cluster.Member{Name: "node-a", Role: cluster.Node}}
	pieces, err := seed.Split(secret, 2, 3, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if b.recipient, err = seed.Draw(); err != nil {
		t.Fatal(err)
	}
	node := custody.Node{Key: b.key.Public().(ed25519.PublicKey), Custody: true}
	b.config = custodian.Config{Name: "c1", Piece: pieces[0], Log: b, Records: b,
		Cluster: custody.Cluster{Validator: casper.PublicKey{2},
			Nodes: map[string]custody.Node{"node-a": node, "node-b": {Key: node.Key}}},
		Caller: func(context.Context) (cluster.Member, bool) { return b.caller, b.caller.Name != "" },
		Whole:  func() error { return b.lost }, Unshown: func() []string { return []string{"c2", "c3"} },
		Now: func() time.Time { return time.Unix(1000, 0) }, Logger: zerolog.New(&b.log)}
	b.server = custodian.New(b.config)
	b.apply(machine.Genesis{Active: "node-a"})
	return b
}

func (b *bench) apply(c machine.Command) machine.Result {
	b.index++
	return b.state.ApplyAt(machine.Place{Index: b.index, Version: machine.Version}, c)
}

func (b *bench) ViewAt(f func(uint64, *machine.State)) { f(b.index, b.state) }

func (b *bench) WaitApplied(_ context.Context, index uint64) error {
	if index > b.index {
		return context.DeadlineExceeded
	}
	return nil
}

func (b *bench) Apply(_ context.Context, c machine.Command) (machine.Result, error) {
	if b.unwritten != nil {
		return machine.Result{}, b.unwritten
	}
	return b.apply(c), nil
}

func (b *bench) Given(node string) (newest uint64) {
	for _, r := range b.records {
		if r.Node == node {
			newest = r.Number
		}
	}
	return newest
}

func (b *bench) Give(r custody.Record) error {
	if b.failing == nil {
		b.records = append(b.records, r)
	}
	return b.failing
}

func (b *bench) sign(node string, number uint64) custody.Signed {
	return b.config.Cluster.Sign(b.key, custody.Start{Node: node, Number: number, Recipient: b.recipient.Public()})
}

func (b *bench) start(s custody.Signed) (*cosignerv1.StartResponse, error) {
	return b.server.Start(b.t.Context(), &cosignerv1.StartRequest{Start: wire.NodeStart(s)})
}

// gets reports whether the piece comes for a start, as what it is.
func (b *bench) gets(s custody.Signed) bool {
	b.t.Helper()
	r, err := b.server.Piece(b.t.Context(), &cosignerv1.PieceRequest{Start: wire.NodeStart(s),
		Granted: b.state.Lease(s.Node).Granted})
	if err != nil {
		return false
	}
	p, err := b.recipient.Open(1, r.GetSealed(), b.config.Cluster.Context(s.Start, "c1"))
	if err != nil || p != b.config.Piece {
		b.t.Errorf("what came is not the piece: %v", err)
	}
	return true
}

// TestGive: a piece comes for the start that the log grants, once, recorded and told; and for the
// next one again.
func TestGive(t *testing.T) {
	b := newBench(t)
	first := b.sign("node-a", 1)
	if b.gets(first) {
		t.Error("without a lease")
	}
	r, err := b.start(first)
	if err != nil || r.GetNewest() != 1 || r.GetGranted() != b.index {
		t.Fatalf("%v, %v", r, err)
	}
	if !b.gets(first) || len(b.records) != 1 || !strings.Contains(b.log.String(), `"level":"warn"`) ||
		!strings.Contains(b.log.String(), "gave this cosigner's share of the validator's key") || b.server.Given() != 1 {
		t.Errorf("it does not come, or nobody is told: %d records, %s", len(b.records), &b.log)
	}
	if b.gets(first) || len(b.records) != 1 {
		t.Error("it came twice for one lease")
	}
	if r, err := b.start(b.sign("node-a", 1)); err != nil || r.GetNewest() != 1 {
		t.Errorf("asked again: %v, %v", r, err)
	}
	if r, err := b.start(b.sign("node-a", 2)); err != nil || r.GetGranted() != b.index || !b.gets(b.sign("node-a", 2)) {
		t.Errorf("a node that starts again: %v, %v", r, err)
	}
}

// TestGiveAfterNames: a node that a hostile leader pushed out of the log is told which number is
// its next, and has the piece with that.
func TestGiveAfterNames(t *testing.T) {
	b := newBench(t)
	for i := range uint64(3) {
		if _, err := b.start(b.sign("node-a", i+1)); err != nil || !b.gets(b.sign("node-a", i+1)) {
			t.Fatalf("start %d: %v", i+1, err)
		}
	}
	for i := range 64 {
		name := fmt.Sprint("x", i)
		b.apply(machine.Start{Signed: custody.Signed{Start: custody.Start{Node: name, Number: b.state.LastStart(name) + 1}}})
	}
	r, err := b.start(b.sign("node-a", 1))
	if err != nil || r.GetGranted() != 0 {
		t.Fatalf("start 1 again: %v, %v", r, err)
	}
	next := b.sign("node-a", r.GetNewest()+1)
	if r, err := b.start(next); err != nil || r.GetGranted() != b.index || !b.gets(next) {
		t.Errorf("start %d: %v, %v", next.Number, r, err)
	}
}

// TestGiveNothing: what each guard is for, by itself.
func TestGiveNothing(t *testing.T) {
	for name, change := range map[string]func(b *bench, s *custody.Signed){
		"a node that is not marked": func(b *bench, s *custody.Signed) {
			b.caller.Name, *s = "node-b", b.sign("node-b", 1)
			b.apply(machine.Start{Signed: *s})
		},
		"the leader wrote another recipient": func(b *bench, s *custody.Signed) {
			s.Recipient[0]++
			b.apply(machine.Suspend{})
			b.state = machine.New()
			b.apply(machine.Genesis{Active: "node-a"})
			b.apply(machine.Start{Signed: *s})
		},
		"suspended": func(b *bench, _ *custody.Signed) {
			b.apply(machine.Suspend{Node: "node-a", Suspended: true})
		},
		"a cosigner that was put back": func(b *bench, _ *custody.Signed) { b.lost = errors.New("lost") },
		"a disk that fails":            func(b *bench, _ *custody.Signed) { b.failing = errors.New("no space") },
		"what it gave cannot be read": func(b *bench, _ *custody.Signed) {
			b.config.Records = nil
			b.server = custodian.New(b.config)
		},
		"another agent":    func(b *bench, _ *custody.Signed) { b.caller.Name = "node-b" },
		"another cosigner": func(b *bench, _ *custody.Signed) { b.caller.Role = cluster.Cosigner },
		"a stranger":       func(b *bench, _ *custody.Signed) { b.caller = cluster.Member{} },
		"an older start": func(b *bench, _ *custody.Signed) {
			b.apply(machine.Start{Signed: b.sign("node-a", 2)})
		},
		"long ago": func(b *bench, _ *custody.Signed) { b.index += custody.Fresh + 1 },
	} {
		b := newBench(t)
		s := b.sign("node-a", 1)
		if _, err := b.start(s); err != nil {
			t.Fatal(err)
		}
		change(b, &s)
		if b.gets(s) || len(b.records) > 0 || b.server.Given() > 0 {
			t.Errorf("%s: the piece left", name)
		}
	}
}

// TestLeaderWritesNoOther: a sound leader writes no start that its own cluster file is against,
// none of a suspended node, and no flood of them.
func TestLeaderWritesNoOther(t *testing.T) {
	b := newBench(t)
	forged := b.sign("node-a", 1)
	forged.Recipient[0]++
	for name, s := range map[string]custody.Signed{"forged": forged, "another node's": b.sign("node-b", 1)} {
		if r, err := b.start(s); err == nil || b.state.Lease(s.Node).Number != 0 {
			t.Errorf("%s: %v", name, r)
		}
	}
	for i := range uint64(20) {
		_, _ = b.start(b.sign("node-a", i+1))
	}
	if n := b.state.Lease("node-a").Number; n != 10 {
		t.Errorf("%d leases at once", n)
	}
	b.apply(machine.Suspend{Node: "node-a", Suspended: true})
	if r, err := b.start(b.sign("node-a", 11)); err == nil {
		t.Errorf("suspended: %v", r)
	}
}

// TestUnwritten: who asks learns why the log takes no start, and where something is to be done.
func TestUnwritten(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code codes.Code
		part string
	}{
		{fmt.Errorf("version 3: %w", machine.ErrVersion), codes.FailedPrecondition, "c2, c3 did not show"},
		{errors.New("not the leader"), codes.Unavailable, "not the leader"},
	} {
		b := newBench(t)
		b.unwritten = tt.err
		_, err := b.start(b.sign("node-a", 1))
		if status.Code(err) != tt.code || !strings.Contains(err.Error(), tt.part) {
			t.Errorf("%v, want %v with %q", err, tt.code, tt.part)
		}
	}
}
