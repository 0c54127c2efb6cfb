package long

import (
	"context"
	"errors"
	"time"

	"casper-cosigner/testnet"
	"casper-cosigner/testnet/casperdemo/stage"
)

const (
	namespaced = "D" // the stage that needs namespaces
	cutFor     = 30 * time.Second
)

// cutOff prepares a network whose nodes can be cut off. Where the machine does not allow it, ns is
// nil and the results say so.
func (s *run) cutOff(ctx context.Context) (ns *stage.Namespaces, err error) {
	if ns, err = stage.NewNamespaces(ctx, s.Dir); err != nil {
		s.Open(stage.Act{Name: "namespaces", Title: "Network namespaces"}, 0)
		s.Sayf("NOT PLAYED, network namespaces need root and iproute2: %v", err)
		return nil, nil
	}
	if err := ns.WritePrograms(s.Node); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	s.Arrange, s.Arranged, s.ns = ns.Arrange, ns.Arranged, ns
	return ns, nil
}

func (s *run) cutStandby(ctx context.Context) error { return s.cut(ctx, s.Pair.Standby) }
func (s *run) cutMain(ctx context.Context) error    { return s.cut(ctx, s.Pair.Main) }

// cut takes the link of a node of ours down for a while. What it cost, settle says.
func (s *run) cut(ctx context.Context, l *stage.NodeLog) error {
	p := s.Pair
	if err := s.AnInstant(ctx); err != nil {
		return err
	}
	from := time.Now()
	if err := s.Disturb("link of "+l.Node.Name+" down", func() error {
		return s.ns.Set(ctx, l.Node.Name, "down")
	}); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, cutFor); err != nil {
		return err
	}
	if err := p.Update(); err != nil {
		return err
	}
	own, _ := l.Timeline().Newest()
	theirs, _ := p.Watched.Timeline().Newest()
	alone := map[string]int{}
	for _, a := range l.Asked() {
		if !a.At.Before(from) {
			alone[a.Outcome]++
		}
	}
	s.Claimf(own.Name() != theirs.Name(), "cut off: it is in round %v, the others in %v", own.Name(), theirs.Name())
	s.Sayf("meanwhile it asked: %d signed, %d bound to what the other node had signed, %d refused, %d unavailable",
		alone["signed"], alone["bound"], alone["refused"], alone["unavailable"])
	if err := s.ns.Set(ctx, l.Node.Name, "up"); err != nil {
		return err
	}
	if err := s.back(ctx, l, time.Now()); err != nil {
		return err
	}
	_, found, err := s.JudgeRounds(ctx, stage.Window{})
	if err != nil {
		return err
	}
	s.Claimf(found.Clean && len(found.Evidence) == 0, "no double sign: %d messages of ours at the others, %d "+
		"contradictions, %d evidence",
		found.Messages, len(found.Contradictions), len(found.Evidence))
	return s.SomeRounds(ctx, stage.RoundsAfter)
}
