package daemon

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	"casper-cosigner/cluster"
	"casper-cosigner/custodian"
	"casper-cosigner/keygen/seed"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/custody"
	"casper-cosigner/rule/wire"
	"casper-cosigner/statedir"
)

// givenFile is what a cosigner gave of the key, in its state directory.
const givenFile = "custody.json"

// openCustodian makes what gives this cosigner's piece of the seed to nodes that the cluster file
// marks; nil where it marks none. A record of what was given that cannot be read keeps it from
// giving, and from nothing else.
func (v *validator) openCustodian(piece seed.Piece) {
	c := v.self.Cluster
	if len(c.Custody().Keeps()) == 0 {
		return
	}
	config := custodian.Config{Name: v.self.Name, Cluster: c.Custody(), Piece: piece, Log: v.store,
		Unshown: v.store.Unshown, Caller: c.Caller,
		Whole: func() error { return errors.Join(v.server.Ready(), v.refused()) },
		Now:   v.options.Now, Logger: v.options.Logger}
	if given, err := statedir.OpenGiven(v.dir.Path(givenFile)); err != nil {
		v.options.Logger.Error().Bool("alarm", true).Err(err).Msg("ALARM: what this cosigner gave of the validator's " +
			"key cannot be read: it gives nothing of it, and does all else. Move the file away and restart this cosigner")
	} else {
		config.Records = given
	}
	v.custodian = custodian.New(config)
	v.metrics.counter("custody_given_total", "Times that this cosigner gave its piece of the validator's key.",
		func() float64 { return float64(v.custodian.Given()) })
	v.options.Logger.Warn().Strs("nodes", c.Custody().Keeps()).
		Msg("this cosigner gives its piece of the validator's key to these nodes when they start (custody)")
}

// keys serves the gate of this node if the cosigners keep its key; nil if they do not.
func (h *agentHost) keys() *agent.KeyServer {
	c, key := h.self.Cluster.Custody(), h.self.Key()
	if !c.Nodes[h.self.Name].Custody {
		return nil
	}
	s := &agent.KeyServer{Node: h.self.Name, Logger: h.options.Logger,
		Sign: func(s custody.Start) custody.Signed { return c.Sign(key, s) }}
	for _, to := range cosigners(h.self.Cluster) {
		s.Custodians = append(s.Custodians, agent.Custodian{Name: to.name,
			Client: cosignerv1.NewCustodyServiceClient(h.links[to.name])})
	}
	return s
}

// gateCustody has the key of a node whose key the cosigners keep, by way of its agent.
type gateCustody struct {
	cluster *cluster.File
	keys    func() cosignerv1.KeyServiceClient
	log     zerolog.Logger
}

// askAgain is after how long an agent is asked again that was stopped meanwhile.
const askAgain = 500 * time.Millisecond

// Key returns the text of a key file, of the pieces of t cosigners, for one start. The recipient is
// drawn here and forgotten, so that nobody opens later what was sent. An agent that is not there is
// waited for as long as ctx lasts.
func (g gateCustody) Key(ctx context.Context) ([]byte, error) {
	recipient, err := seed.Draw()
	if err != nil {
		return nil, err
	}
	got := &joint{gate: g, to: recipient}
	for {
		text, err := got.ask(ctx)
		if err == nil {
			return text, nil
		}
		err = fmt.Errorf("asking the agent for the key, with pieces of %d cosigners, of %d: %w", len(got.pieces),
			g.cluster.Threshold, err)
		if code := status.Code(err); code != codes.Unavailable && code != codes.Canceled {
			return nil, err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// joint is what came for one start.
type joint struct {
	gate   gateCustody
	to     *seed.Recipient
	pieces []seed.Piece
}

// ask asks the agent once, until enough came.
func (j *joint) ask(ctx context.Context) ([]byte, error) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	public := j.to.Public()
	stream, err := j.gate.keys().Key(ctx, &cosignerv1.KeyRequest{Recipient: public[:]})
	if err != nil {
		return nil, err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if text, err := j.take(r); text != nil || err != nil {
			return text, err
		}
	}
}

// take adds a piece, and returns the text once that is enough.
func (j *joint) take(r *cosignerv1.KeyResponse) ([]byte, error) {
	g := j.gate
	p, err := g.open(j.to, r)
	if err != nil {
		g.log.Error().Err(err).Str("cosigner", r.GetCosigner()).Msg("this is no piece of the validator's key")
		return nil, nil
	}
	j.pieces = slices.DeleteFunc(j.pieces, func(o seed.Piece) bool { return o.ID() == p.ID() })
	if j.pieces = append(j.pieces, p); len(j.pieces) < g.cluster.Threshold {
		return nil, nil
	}
	whole, err := seed.Join(g.cluster.Validator, g.cluster.Threshold, j.pieces)
	if err != nil {
		g.log.Error().Err(err).Int("pieces", len(j.pieces)).Msg("a cosigner gave a false piece: waiting for others")
		return nil, nil
	}
	defer clear(whole[:])
	key := ed25519.NewKeyFromSeed(whole[:])
	defer clear(key)
	return cluster.EncodeKey(key)
}

// open opens a piece as what this gate's own cluster file says that it is: of that cosigner, for a
// start with this very recipient.
func (g gateCustody) open(to *seed.Recipient, r *cosignerv1.KeyResponse) (seed.Piece, error) {
	from, known := g.cluster.Cosigner(r.GetCosigner())
	start, err := wire.Start(r.GetStart())
	if err != nil {
		return seed.Piece{}, err
	}
	if !known {
		return seed.Piece{}, errors.New("no cosigner of the cluster file")
	}
	return to.Open(from.Share, r.GetSealed(), g.cluster.Custody().Context(start.Start, from.Name))
}

// keepMemory keeps the process's memory off every disk: it is not swapped, and not dumped.
func keepMemory() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT))
}
