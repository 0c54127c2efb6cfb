package cosigner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
)

// handshakesAtOnce bounds the handshakes that are signed at one time, so
// that a burst of them takes neither the machine nor the nonces.
const handshakesAtOnce = 16

// ErrNoQuorum is returned by Sign and Ready when fewer cosigners than the
// threshold can be had. What each said is in the *QuorumError around it.
var ErrNoQuorum = errors.New("too few cosigners to sign")

// QuorumError says why a signature failed, cosigner by cosigner.
type QuorumError struct {
	Causes []error // each names its cosigner
}

// Error lists the causes.
func (e *QuorumError) Error() string {
	said := make([]string, len(e.Causes))
	for i, c := range e.Causes {
		said[i] = c.Error()
	}
	return fmt.Sprintf("%v: %s", ErrNoQuorum, strings.Join(said, "; "))
}

// Disputed reports whether some cosigner refused the claim itself: its ledger
// contradicts it, or it does not take the node's signature. Then no other leader
// would fare better.
func (e *QuorumError) Disputed() bool {
	return slices.ContainsFunc(e.Causes, func(err error) bool {
		code := status.Code(err)
		return code == codes.FailedPrecondition || code == codes.Unauthenticated || code == codes.InvalidArgument
	})
}

// Unwrap returns ErrNoQuorum and the causes.
func (e *QuorumError) Unwrap() []error { return append([]error{ErrNoQuorum}, e.Causes...) }

// AlarmError says that a cosigner contradicts the log: its ledger, or its own copy
// of the log, holds another digest for a slot than our log, or its ledger has
// forgotten the slot.
// Somebody must look; until then that cosigner gives no share for the slot.
type AlarmError struct {
	Cosigner string
	Slot     casper.Slot
	Err      error
}

// Error says what to look at.
func (e *AlarmError) Error() string {
	return fmt.Sprintf("ALARM: cosigner %s contradicts the log on %v: %v; "+
		"do not delete or copy its state, compare it with the others", e.Cosigner, e.Slot, e.Err)
}

// Unwrap returns the cosigner's answer.
func (e *AlarmError) Unwrap() error { return e.Err }

// QuorumConfig is what a Quorum needs.
type QuorumConfig struct {
	Keyring *Keyring
	Own     *Server
	// Others are the other cosigners by name. Their connections must refuse the answers of one that
	// shows an older state than was seen of it; package peer's do.
	Others map[string]cosignerv1.CosignerServiceClient
	// Distance returns the round trip to another cosigner, as far as it is known: how long its shares
	// will take, before any was asked for. It may be nil.
	Distance func(name string) (time.Duration, bool)
	// Attesters is whose attestations count, by this cosigner's own cluster file.
	Attesters attest.Cluster
	Logger    zerolog.Logger
}

// QuorumStats counts what a Quorum did since it was made.
type QuorumStats struct {
	Signatures uint64 // finished
	Hedged     uint64 // attempts started because another was slow
	Retried    uint64 // attempts started because another had failed
	BadShares  uint64 // wrong shares
	Alarms     uint64 // see AlarmError
}

// Quorum is the leader's side: it collects the shares of t cosigners, its own
// preferred, for messages that the log holds. It keeps commitments of all of
// them in hand, so that a signature takes one round. NewQuorum makes one.
type Quorum struct {
	config       QuorumConfig
	participants []*participant // own first
	handshakes   chan struct{}

	signatures, hedged, retried, badShares, alarms atomic.Uint64
}

// NewQuorum returns a Quorum that has no commitments yet.
func NewQuorum(config QuorumConfig) *Quorum {
	q := &Quorum{config: config, handshakes: make(chan struct{}, handshakesAtOnce)}
	add := func(name string, a asker) {
		q.participants = append(q.participants, &participant{
			name: name, own: len(q.participants) == 0, asker: a, keyring: config.Keyring,
			target: targetMin, wake: make(chan struct{}, 1), distance: config.Distance,
			attests: config.Own.config.Nodes.Stock(), logger: config.Logger,
		})
	}
	add(config.Own.config.Name, local{config.Own})
	for _, name := range slices.Sorted(maps.Keys(config.Others)) {
		add(name, remote{name, config.Others[name]})
	}
	return q
}

// Run fills the stocks until ctx ends. It should run on every cosigner, so that a
// new leader can sign at once.
func (q *Quorum) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, p := range q.participants {
		g.Go(func() error { p.refill(ctx); return nil })
	}
	return g.Wait()
}

// Ready returns nil if a signature could be made at once: our gate is open and
// commitments of t-1 peers are in hand. If we hold no share, as many have lately
// said that their gates are open.
func (q *Quorum) Ready() error {
	if err := q.config.Own.Ready(); err != nil {
		return err
	}
	now, ready := time.Now(), 0
	var causes []error
	for _, p := range q.participants {
		if p.own {
			continue
		}
		if err := p.ready(now); err != nil {
			causes = append(causes, fmt.Errorf("cosigner %s: %w", p.name, err))
			continue
		}
		ready++
	}
	if ready < q.config.Attesters.Threshold-1 {
		return &QuorumError{Causes: causes}
	}
	return nil
}

// Status returns what is known of each cosigner, ourselves first.
func (q *Quorum) Status() []Standing {
	all := make([]Standing, len(q.participants))
	for i, p := range q.participants {
		all[i] = p.status()
	}
	return all
}

// Outvoted reports whether we hold a share of one split, and as many of the others as a signature
// takes of one other: they could sign, if another cosigner led.
func (q *Quorum) Outvoted() bool {
	others := map[string]int{}
	for _, p := range q.participants {
		if split := p.status().Split; split != nil {
			if others[split.Theirs]++; others[split.Theirs] >= q.config.Attesters.Threshold {
				return true
			}
		}
	}
	return false
}

// Stats returns the quorum's counts.
func (q *Quorum) Stats() QuorumStats {
	return QuorumStats{
		Signatures: q.signatures.Load(), Hedged: q.hedged.Load(), Retried: q.retried.Load(),
		BadShares: q.badShares.Load(), Alarms: q.alarms.Load(),
	}
}

// Sign returns the validator's signature of a message that the log holds and that
// is applied here, with the node's signature of its request, in the Raft term in
// which we lead. Each cosigner has it in its own log, and its ledger's entry on
// disk, before its share leaves. Sign returns
// a *QuorumError as soon as too few cosigners are left to ask, and ctx's error
// when that ends first.
func (q *Quorum) Sign(ctx context.Context, term uint64, c watermark.Claim) (casper.Signature, error) {
	if q.config.Keyring.Empty() {
		return casper.Signature{}, fmt.Errorf("signing: %w", ErrNoShare)
	}
	message, err := c.Message.AppendBinary(nil)
	if err != nil {
		return casper.Signature{}, fmt.Errorf("signing: %w", err)
	}
	slot, forSlot := casper.SlotOf(c.Message)
	if !forSlot {
		select {
		case q.handshakes <- struct{}{}:
			defer func() { <-q.handshakes }()
		case <-ctx.Done():
			return casper.Signature{}, fmt.Errorf("signing: too many handshakes: %w", ctx.Err())
		}
	}
	ctx, cancel := context.WithCancel(ctx) // ends the attempts that lost
	defer cancel()
	keys := q.config.Keyring.Newest()
	s := signing{
		task: task{
			keys: keys, slot: slot, forSlot: forSlot, signed: c.Message.SignBytes(), message: message, term: term,
			index: q.config.Own.config.Held.Applied(), claim: c,
		},
		quorum: q, outcomes: make(chan outcome), failed: map[*participant]error{}, slow: map[*participant]bool{},
		unknown: map[*participant]bool{},
	}
	signature, err := s.run(ctx)
	if err != nil {
		return casper.Signature{}, fmt.Errorf("signing: %w", err)
	}
	q.signatures.Add(1)
	return signature, nil
}

// choose returns the t best holders of shares of our split that are not avoided:
// ourselves, then the quickest, then those that failed lately, we included, and
// last those that ever gave a wrong share. It returns nil if there are too few.
func (q *Quorum) choose(keys Keys, avoid func(*participant) bool) []*participant {
	type ranked struct {
		*participant
		status Standing
	}
	var all []ranked
	for _, p := range q.participants {
		status := p.status()
		if _, holds := keys.Holders[p.name]; holds && status.Split == nil && !avoid(p) {
			all = append(all, ranked{p, status})
		}
	}
	threshold := keys.Share.Group().Threshold()
	if len(all) < threshold {
		return nil
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return compareRank(a.status, b.status) })
	set := make([]*participant, threshold)
	for i := range set {
		set[i] = all[i].participant
	}
	slices.SortFunc(set, func(a, b *participant) int { return cmp.Compare(keys.Holders[a.name], keys.Holders[b.name]) })
	return set
}

func compareRank(a, b Standing) int {
	flag := func(v bool) int {
		if v {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.BadShares, b.BadShares),
		cmp.Compare(flag(a.Failures > 0), flag(b.Failures > 0)),
		-cmp.Compare(flag(a.Own), flag(b.Own)),
		cmp.Compare(flag(!a.Ready), flag(!b.Ready)),
		cmp.Compare(a.Latency, b.Latency),
	)
}

// slotRefusal reports whether a cosigner refused because of the slot itself.
func slotRefusal(err error) bool { return status.Code(err) == codes.FailedPrecondition }
