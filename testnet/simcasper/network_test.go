package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/grpc"

	"casper-cosigner/agent/health"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/wire"
	"casper-cosigner/testnet"
	"casper-cosigner/testnet/simcasper/hub"
	"casper-cosigner/testnet/simcasper/node"
	"casper-cosigner/testnet/zug"
)

// signer is both agents and all cosigners: a key and a table of slots.
type signer struct {
	cosignerv1.UnimplementedSignerServiceServer
	key ed25519.PrivateKey

	mu    sync.Mutex
	slots map[casper.Slot]casper.Message
}

func (s *signer) public() casper.PublicKey {
	return casper.PublicKey(s.key.Public().(ed25519.PublicKey))
}

func (s *signer) Sign(_ context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	m, err := wire.Message(r)
	if err != nil {
		return nil, err
	}
	held := m
	if slot, ok := casper.SlotOf(m); ok {
		s.mu.Lock()
		if s.slots[slot] == nil {
			s.slots[slot] = m
		}
		held = s.slots[slot]
		s.mu.Unlock()
	}
	signature := casper.Signature(ed25519.Sign(s.key, held.SignBytes()))
	if held != m {
		return &cosignerv1.SignResponse{Answer: &cosignerv1.SignResponse_Bound{Bound: wire.Bound(held, signature)}}, nil
	}
	return &cosignerv1.SignResponse{
		Answer: &cosignerv1.SignResponse_Signed{Signed: &cosignerv1.Signed{Signature: signature[:]}}}, nil
}

func (s *signer) RegisterTLSPoint(context.Context,
	*cosignerv1.RegisterTLSPointRequest) (*cosignerv1.RegisterTLSPointResponse, error) {
	return &cosignerv1.RegisterTLSPointResponse{}, nil
}

// rig is a hub, two nodes and what signs for them.
type rig struct {
	*testing.T
	ctx        context.Context
	signer     *signer
	dir        string
	transcript bytes.Buffer
	at         map[string]string // addresses
	ends       [hub.OurNodes]context.CancelFunc
	ended      [hub.OurNodes]chan error
}

func newRig(t *testing.T) *rig {
	ctx, cancel := context.WithCancel(context.Background())
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, ctx: ctx, dir: t.TempDir(), at: map[string]string{},
		signer: &signer{key: key, slots: map[casper.Slot]casper.Message{}}}
	ports, err := testnet.QuietPorts(2 * hub.OurNodes)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names() {
		if err := os.Mkdir(filepath.Join(r.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", filepath.Join(r.dir, name, "signer.sock"))
		if err != nil {
			t.Fatal(err)
		}
		server := grpc.NewServer()
		cosignerv1.RegisterSignerServiceServer(server, r.signer)
		go server.Serve(l) //nolint:errcheck // ended by Stop
		t.Cleanup(server.Stop)
		r.at[name+" rest"], r.at[name+" events"] = testnet.Loopback(ports[2*i]), testnet.Loopback(ports[2*i+1])
	}
	nodes, control := listen(t), listen(t)
	r.at["nodes"], r.at["control"] = nodes.Addr().String(), control.Addr().String()
	h := hub.New(hub.Config{Version: "2.0.3", Validator: r.signer.public(), Names: names(), Downtime: 2 * time.Second,
		Transcript: &r.transcript, Logger: zerolog.Nop(), Chain: zug.Chain{Name: "test",
			Seed: leading(), Block: 250 * time.Millisecond, Timeout: 500 * time.Millisecond, EraBlocks: 32}}, time.Now())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx, nodes, control) }()
	t.Cleanup(func() {
		for id := range hub.OurNodes {
			r.end(id)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		r.judge()
	})
	return r
}

// In the first rounds of each era in which it may forget, our validator leads several.
const (
	forgetIn   = uint64(3) // eras; a busy machine may need more than the first
	earlyRound = uint32(8)
)

// leading returns a seed by which that is so.
func leading() (seed uint64) {
	for ; ; seed++ {
		c, suits := zug.Chain{Weights: []uint64{1, 1, 1, 1}, Seed: seed}, true
		for era := range forgetIn {
			led := 0
			for round := range earlyRound {
				if c.Leader(zug.FirstEra+era, round) == 0 {
					led++
				}
			}
			suits = suits && led >= 4
		}
		if suits {
			return seed
		}
	}
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (r *rig) start(id int) {
	ctx, cancel := context.WithCancel(r.ctx)
	r.ends[id], r.ended[id] = cancel, make(chan error, 1)
	n := node.New(node.Config{ID: id, Name: names()[id], Hub: r.at["nodes"], REST: r.at[names()[id]+" rest"],
		Events:  r.at[names()[id]+" events"],
		Cluster: r.dir, Dir: filepath.Join(r.dir, names()[id]), Validator: r.signer.public(), Logger: zerolog.Nop()})
	go func() { r.ended[id] <- n.Run(ctx) }()
}

// end ends a node, if it runs, and waits.
func (r *rig) end(id int) {
	if r.ends[id] == nil {
		return
	}
	r.ends[id]()
	if err := <-r.ended[id]; err != nil {
		r.Errorf("%s: %v", names()[id], err)
	}
	r.ends[id] = nil
}

func (r *rig) command(path string) {
	r.Helper()
	response, err := http.Post("http://"+r.at["control"]+path, "", nil)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		r.Fatalf("%s: %s", path, text)
	}
}

// await waits until the report is as wished.
func (r *rig) await(what string, wished func(hub.Report) bool) (report hub.Report) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, 15*time.Second)
	defer cancel()
	for {
		response, err := http.Get("http://" + r.at["control"] + "/report")
		if err != nil {
			r.Fatal(err)
		}
		err = json.NewDecoder(response.Body).Decode(&report)
		response.Body.Close()
		if err != nil {
			r.Fatal(err)
		}
		if wished(report) {
			return report
		}
		if testnet.Pause(ctx, 20*time.Millisecond) != nil {
			r.Fatalf("waiting for %s: era %d, round %d", what, report.Era, report.Round)
		}
	}
}

// later waits for so many more blocks, the newest of which have our votes and finality signatures.
func (r *rig) later(blocks int) {
	r.Helper()
	first := r.await("the height", func(hub.Report) bool { return true }).Height
	r.await("votes", func(p hub.Report) bool {
		if p.Height < first+uint64(blocks) || len(p.Rounds) < blocks || len(p.Blocks) < blocks {
			return false
		}
		for _, round := range p.Rounds[len(p.Rounds)-2:] {
			if !round.Skipped && round.Vote == 0 {
				return false
			}
		}
		return p.Blocks[len(p.Blocks)-2].Finality != 0
	})
}

func (r *rig) status(id int) health.Status {
	r.Helper()
	response, err := http.Get("http://" + r.at[names()[id]+" rest"] + "/status")
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	s, err := health.ParseStatus(text)
	if err != nil {
		r.Fatalf("%v: %s", err, text)
	}
	return s
}

func (r *rig) count(id int, match func(node.Entry) bool) (n int) {
	r.Helper()
	all, err := node.ReadJournal(filepath.Join(r.dir, names()[id], node.JournalFile))
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range all {
		if match(e) {
			n++
		}
	}
	return n
}

func reproposed(e node.Entry) bool { return e.Kind == "echo" && e.Answer == testnet.Bound }

// judge reads the transcript: valid signatures, one value for each slot, and handshakes.
func (r *rig) judge() {
	kinds, held := map[string]int{}, map[casper.Slot]casper.Message{}
	lines := bufio.NewScanner(&r.transcript)
	for lines.Scan() {
		var l testnet.TranscriptLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			r.Fatal(err)
		}
		m, err := l.Asked.Message()
		if err != nil || l.Signature == nil || !r.signer.public().Verify(m, *l.Signature) {
			r.Errorf("no valid signature, %v: %s", err, lines.Bytes())
			continue
		}
		if slot, ok := casper.SlotOf(m); ok {
			if held[slot] != nil && held[slot] != m {
				r.Errorf("two values in a slot: %+v and %+v", held[slot], m)
			}
			held[slot] = m
		}
		kinds[l.Asked.Kind]++
	}
	if err := lines.Err(); err != nil {
		r.Error(err)
	}
	if kinds["zug"] < 10 || kinds["finality_v2"] < 10 || kinds["consensus_certificate"] < 3 {
		r.Errorf("the transcript has %v", kinds)
	}
}

// forgets has a node come back without its log, alone, and propose anew in the rounds that it led.
// It reports whether that came about while their era lasted: later nobody asks for them.
func (r *rig) forgets() bool {
	r.Helper()
	era := r.await("some rounds of an era", func(p hub.Report) bool { return p.Round >= earlyRound }).Era
	r.command("/cut?node=1")
	r.end(0)
	r.await("rounds without us", func(p hub.Report) bool {
		return len(p.Rounds) > 3 && p.Rounds[len(p.Rounds)-1].Vote == 0
	})
	r.command("/mend?node=1")
	r.later(1)
	asked := r.count(0, reproposed)
	if err := os.Remove(filepath.Join(r.dir, names()[0], node.LogFile)); err != nil {
		r.Fatal(err)
	}
	r.start(0)
	shown := false
	r.await("new proposals in old rounds", func(p hub.Report) bool {
		shown = r.count(0, reproposed) >= asked+2
		return shown || p.Era > era
	})
	return shown
}

// TestNetwork: rounds with our votes; a node that is cut off; one that comes back without its log,
// and proposes anew in the rounds that it led; an upgrade.
func TestNetwork(t *testing.T) {
	r := newRig(t)
	r.start(0)
	r.start(1)
	r.later(6)
	if s := r.status(0); s.State != "Validate" || s.RoundLength == nil || *s.RoundLength != 250*time.Millisecond ||
		s.Key != r.signer.public().String() || s.Peers < 3 {
		t.Errorf("the status of a node that votes: %+v", s)
	}

	for tries := uint64(1); !r.forgets(); tries++ {
		if tries == forgetIn {
			t.Fatalf("%d eras were too short for this machine", forgetIn)
		}
	}

	era := r.await("an era that is not over soon", func(p hub.Report) bool { return p.Round < 2*earlyRound }).Era
	r.command(fmt.Sprintf("/upgrade?era=%d&version=2.0.4", era+1))
	r.later(1)
	if s := r.status(0); s.UpgradeEra == nil || *s.UpgradeEra != era+1 {
		t.Errorf("the upgrade is not staged: %+v", s)
	}
	for id := range hub.OurNodes {
		if err := <-r.ended[id]; err != nil {
			t.Errorf("%s: %v", names()[id], err)
		}
		r.start(id)
	}
	r.await("the next version", func(p hub.Report) bool { return p.Version == "2.0.4" && p.Era > era })
	r.later(3)
	if s := r.status(1); s.Version != "2.0.4" {
		t.Errorf("the version after the upgrade: %+v", s)
	}
	if p := r.await("the end", func(hub.Report) bool { return true }); len(p.Faults) > 0 {
		t.Errorf("faults: %v", p.Faults)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"x"}, {"hub", "--key", "02"}, {"node", "--key", "02"}} {
		if err := run(t.Context(), args); err == nil || !strings.Contains(err.Error(), "want") &&
			!strings.Contains(err.Error(), "key") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
