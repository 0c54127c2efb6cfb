package gate_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/attest/attesttest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/gate"
)

// The gate of a test is a process of its own, as it is on a host: one that has files of its own
// file system open cannot end, and hangs in Go's poller.

// aloneEnv has a process be a gate and nothing else. It holds the settings.
const aloneEnv = "GATE_TEST_ALONE"

// drilledEnv holds the SHA-256 of the program that passed the drill; nodeEnv has a process open the
// key file that it names, as a casper-node does when it starts.
const (
	drilledEnv = "GATE_TEST_DRILLED"
	nodeEnv    = "GATE_TEST_NODE"
)

// alone runs a gate until SIGTERM. It asks the test's process.
func alone() int {
	var s struct {
		gate.Settings
		Socket  string
		Drilled string
	}
	if err := json.Unmarshal([]byte(os.Getenv(aloneEnv)), &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	client, err := rpc.Dial("unix", s.Socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.Log = zerolog.New(os.Stderr)
	if s.Secret != nil {
		s.Secret.Binaries = drilled(s.Drilled)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	g := gate.New(s.Settings, remote{client})
	if err := g.Run(ctx, func() { fmt.Println("ready") }); err != nil {
		fmt.Fprintln(os.Stderr, "ended:", err)
		return 1
	}
	return 0
}

// drilled is the one program that passed the drill.
type drilled string

func (d drilled) Drilled(hash [sha256.Size]byte) bool {
	return hex.EncodeToString(hash[:]) == string(d)
}

// remote asks by way of the socket.
type remote struct{ client *rpc.Client }

func (r remote) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	call := r.client.Go("Fake.Claim", own, nil, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return attest.Proof{}, call.Error
		}
		return attesttest.Proof(own), nil
	case <-ctx.Done():
		return attest.Proof{}, ctx.Err()
	}
}

func (r remote) Signed(context.Context, casper.Hash) ([]casper.Ballot, *uint32, error) {
	var told Elsewhere
	err := r.client.Call("Fake.Signed", struct{}{}, &told)
	if !told.Known {
		return told.Signed, nil, err
	}
	return told.Signed, &told.Index, err
}

// Elsewhere is what a gate is told of an instance.
type Elsewhere struct {
	Signed []casper.Ballot
	Index  uint32
	Known  bool // the index is
}

// Fake grants the first content of a slot, as the cosigners do, unless it is told otherwise.
type Fake struct {
	mu      sync.Mutex
	bound   map[string]casper.Hash
	refuse  error
	wait    chan struct{} // nothing is answered before it is closed
	asked   chan struct{} // gets one for each question, if it is there
	claimed []casper.Ballot
	told    Elsewhere
}

var errBound = errors.New("the slot holds another content")

// Claim is called by the gate's process.
func (f *Fake) Claim(own casper.Ballot, _ *struct{}) error {
	f.mu.Lock()
	wait, asked := f.wait, f.asked
	f.claimed = append(f.claimed, own)
	f.mu.Unlock()
	if asked != nil {
		asked <- struct{}{}
	}
	if wait != nil {
		<-wait
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return f.refuse
	}
	slot := fmt.Sprint(own.Instance, own.Round, own.Kind)
	if value, taken := f.bound[slot]; taken && value != own.Value {
		return errBound
	}
	if f.bound == nil {
		f.bound = map[string]casper.Hash{}
	}
	f.bound[slot] = own.Value
	return nil
}

// Signed is called by the gate's process.
func (f *Fake) Signed(_ struct{}, told *Elsewhere) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*told = f.told
	return nil
}

func (f *Fake) claims() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.claimed)
}

func (f *Fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// listen has gates' processes ask the fake.
func (f *Fake) listen(t testing.TB) (socket string) {
	t.Helper()
	server := rpc.NewServer()
	if err := server.Register(f); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "asker")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go server.ServeConn(c)
		}
	}()
	return socket
}

// process is a gate that runs.
type process struct {
	cmd   *exec.Cmd
	log   *bytes.Buffer
	ended chan struct{}
	code  int
}

// launch starts a gate and waits until it stands; why says why it does not.
func launch(t testing.TB, s gate.Settings, socket string) (p *process, why string) {
	t.Helper()
	text, err := json.Marshal(struct {
		gate.Settings
		Socket, Drilled string
	}{s, socket, os.Getenv(drilledEnv)})
	if err != nil {
		t.Fatal(err)
	}
	p = &process{cmd: exec.Command(os.Args[0]), log: &bytes.Buffer{}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), aloneEnv+"="+string(text))
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n, _ := out.Read(make([]byte, 16))
	go func() {
		p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	if n == 0 {
		<-p.ended
		return nil, p.log.String()
	}
	t.Cleanup(func() { p.kill() })
	return p, ""
}

// kill ends it at once.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// stop ends it as systemd does.
func (p *process) stop(t testing.TB) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		t.Fatal("the gate does not end")
	}
	if p.code != 0 {
		t.Errorf("the gate ended with %d: %s", p.code, p.log)
	}
}
