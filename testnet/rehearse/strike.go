package rehearse

import (
	"context"
	"errors"

	"casper-cosigner/testnet"
)

// Strike is one way in which main fails, and how that is mended.
type Strike struct {
	Name string
	Do   func(context.Context) error
	Mend func(context.Context) error
}

// KillNode is kill -9 of main; its agent lives.
func (r *Rehearsal) KillNode() Strike {
	main := r.Net.Node(testnet.Main)
	return Strike{"kill -9 of the node", plain(main.Kill), main.Start}
}

// KillHost is kill -9 of main and its agent.
func (r *Rehearsal) KillHost() Strike {
	main, agent := r.Net.Node(testnet.Main), r.Net.Cluster.Agents[0]
	return Strike{"kill -9 of node and agent", func(context.Context) error {
		return errors.Join(main.Kill(), agent.Kill())
	},
		func(ctx context.Context) error { return errors.Join(agent.Start(ctx), main.Start(ctx)) }}
}

// Hang stops main where it stands. Its agent goes on to ping.
func (r *Rehearsal) Hang() Strike {
	main := r.Net.Node(testnet.Main)
	return Strike{"SIGSTOP of the node", plain(main.Stop), plain(main.Cont)}
}

// KillAtOnce is kill -9 of main, which is started again at once.
func (r *Rehearsal) KillAtOnce() Strike {
	main := r.Net.Node(testnet.Main)
	return Strike{"kill -9, started at once", func(ctx context.Context) error {
		return errors.Join(main.Kill(), main.Start(ctx))
	}, nothing}
}

// TermAtOnce is SIGTERM to main, which is started again as soon as it has ended.
func (r *Rehearsal) TermAtOnce() Strike {
	main := r.Net.Node(testnet.Main)
	return Strike{"SIGTERM, started at once", func(ctx context.Context) error {
		waiting, cancel := r.soon(ctx)
		defer cancel()
		return errors.Join(main.Term(), main.Wait(waiting), main.Start(ctx))
	}, nothing}
}

// CutOff takes main's peers away. It answers /status, and asks for what is past.
func (r *Rehearsal) CutOff() Strike {
	cut := func(value bool) func(context.Context) error {
		return func(ctx context.Context) error { return r.Net.Cut(ctx, testnet.Main, value) }
	}
	return Strike{"cut off from peers", cut(true), cut(false)}
}

// Partition cuts main's agent off from the cosigners; the standby's agent still reaches it.
func (r *Rehearsal) Partition() Strike {
	cut := func(value bool) func(context.Context) error {
		return func(context.Context) error { r.Net.Partition(value); return nil }
	}
	return Strike{"cut off from cosigners", cut(true), cut(false)}
}

// Forgetting is the strike after which main comes back without its log of the era.
func (r *Rehearsal) Forgetting(s Strike) Strike {
	mend := s.Mend
	s.Mend = func(ctx context.Context) error { return errors.Join(r.Net.Node(testnet.Main).Forget(), mend(ctx)) }
	return s
}

func plain(do func() error) func(context.Context) error {
	return func(context.Context) error { return do() }
}

func nothing(context.Context) error { return nil }
