package drill

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/gate"
)

// The parts that processes play. A gate is one of its own, as on a host: it can neither start
// children nor open its own files.
const (
	partNetwork = "network"
	partGate    = "gate"
)

// order is what a process is told to do.
type order struct {
	Part   string
	Work   string   // folder
	Staged string   // of the network: the version's folder
	Self   []string // of the network: how a gate is started

	Gate gate.Settings // of a gate
	Ask  string        // of a gate: the socket on which it asks
}

// outcome is what a network tells at its end.
type outcome struct {
	Found
	Violation string `json:",omitempty"`
	Failed    string `json:",omitempty"` // why nothing was found out
}

// Part plays a part of a drill in a process of its own, as Run or another part has started it: it
// reads what to do from in, and says on tell what is going on.
func Part(ctx context.Context, in io.Reader, out, tell io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("reading what to do: this command is for `gate drill` alone: %w", err)
	}
	switch o.Part {
	case partGate:
		return stand(ctx, o, out, tell)
	case partNetwork:
		return json.NewEncoder(out).Encode(play(ctx, o, tell))
	}
	return fmt.Errorf("unknown part %q", o.Part)
}

// stand is a gate until SIGTERM. It asks the network's process.
func stand(ctx context.Context, o order, out, tell io.Writer) error {
	client, err := rpc.Dial("unix", o.Ask)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nobody is left to tell
	o.Gate.Log = zerolog.New(tell)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	return gate.New(o.Gate, remote{client}).Run(ctx, func() { fmt.Fprintln(out, "ready") })
}

// remote asks by way of the socket.
type remote struct{ client *rpc.Client }

// Claim asks whether a message is granted.
func (r remote) Claim(ctx context.Context, own casper.Ballot) (attest.Proof, error) {
	call := r.client.Go("Oracle.Claim", own, nil, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return attest.Proof{}, call.Error
		}
		return played(own)
	case <-ctx.Done():
		return attest.Proof{}, ctx.Err()
	}
}

// played proves what the oracle granted, by a cluster of one cosigner that is there for nothing
// else: the keys of a drill are worth nothing, and no other gate has such a cluster.
func played(own casper.Ballot) (attest.Proof, error) {
	const name = "oracle"
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c := attest.Cluster{Threshold: 1,
		Cosigners: map[string]ed25519.PublicKey{name: key.Public().(ed25519.PublicKey)}}
	h, ok := attest.OfBallot(own, 0)
	if !ok {
		return attest.Proof{}, errors.New("it is neither an echo nor a vote")
	}
	return c.Prove(h, []attest.Attestation{c.Sign(key, name, h)})
}

// Signed tells of nothing: no other node has this key.
func (remote) Signed(context.Context, casper.Hash) ([]casper.Ballot, *uint32, error) {
	return nil, nil, nil
}

// play plays a network and tells what came of it.
func play(ctx context.Context, o order, tell io.Writer) outcome {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	began := time.Now()
	n := &network{order: o, say: func(format string, args ...any) {
		fmt.Fprintf(tell, "%4.0fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}}
	err := loopbackUp()
	if err == nil {
		err = n.play(ctx)
	}
	told := outcome{Found: n.found()}
	var v *Violation
	switch {
	case errors.As(err, &v):
		told.Violation = err.Error()
	case err != nil:
		told.Failed = err.Error()
	}
	return told
}

// loopbackUp brings up the one interface that a new network namespace has.
func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s) //nolint:errcheck // nothing was written
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bringing up the loopback interface of a network of its own: %w", err)
	}
	return nil
}
