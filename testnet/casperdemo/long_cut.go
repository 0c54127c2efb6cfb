package main

import (
	"context"
	"errors"
	"time"

	"casper-cosigner/testnet"
)

const (
	namespaced = "D" // the stage that needs namespaces
	cutFor     = 30 * time.Second
)

// cutOff prepares a network whose nodes can be cut off. Where the machine does not allow it, ns is nil and the results say so.
func (s *long) cutOff(ctx context.Context) (ns *namespaces, err error) {
	if ns, err = newNamespaces(ctx, s.dir); err != nil {
		s.open(act{name: "namespaces", title: "Network namespaces"}, 0)
		s.Sayf("NOT PLAYED, network namespaces need root and iproute2: %v", err)
		return nil, nil
	}
	if err := ns.writePrograms(s.node); err != nil {
		return nil, errors.Join(err, ns.Close())
	}
	s.arrange, s.arranged, s.ns = ns.arrange, ns.arranged, ns
	return ns, nil
}

func (s *long) cutStandby(ctx context.Context) error { return s.cut(ctx, s.pair.standby) }
func (s *long) cutMain(ctx context.Context) error    { return s.cut(ctx, s.pair.main) }

// cut takes the link of a node of ours down for a while. What it cost, settle says.
func (s *long) cut(ctx context.Context, l *nodeLog) error {
	p := s.pair
	if err := s.anInstant(ctx); err != nil {
		return err
	}
	from := time.Now()
	if err := s.disturb("link of "+l.node.Name+" down", func() error { return s.ns.set(ctx, l.node.Name, "down") }); err != nil {
		return err
	}
	if err := testnet.Pause(ctx, cutFor); err != nil {
		return err
	}
	if err := p.update(); err != nil {
		return err
	}
	own, _ := l.timeline().newest()
	theirs, _ := p.watched.timeline().newest()
	alone := map[string]int{}
	for _, a := range l.asked() {
		if !a.At.Before(from) {
			alone[a.Outcome]++
		}
	}
	s.Claimf(own.name() != theirs.name(), "cut off: it is in round %v, the others in %v", own.name(), theirs.name())
	s.Sayf("meanwhile it asked: %d signed, %d bound to what the other node had signed, %d refused, %d unavailable",
		alone["signed"], alone["bound"], alone["refused"], alone["unavailable"])
	if err := s.ns.set(ctx, l.node.Name, "up"); err != nil {
		return err
	}
	if err := s.back(ctx, l, time.Now()); err != nil {
		return err
	}
	_, found, err := s.judgeRounds(ctx, window{})
	if err != nil {
		return err
	}
	s.Claimf(found.Clean && len(found.Evidence) == 0, "no double sign: %d messages of ours at the others, %d contradictions, %d evidence",
		found.Messages, len(found.Contradictions), len(found.Evidence))
	return s.someRounds(ctx, roundsAfter)
}
