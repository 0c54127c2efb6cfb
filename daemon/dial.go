package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/lead"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
)

// askedWithin is how long a program waits to hear how far the log is.
const askedWithin = time.Second

// DialAgent returns an agent that asks the cosigners for one program's own requests, without a
// socket. It pings each cosigner once, to hear how far the log is and who leads, and tells them
// nothing of its node: the agent beside that does.
func DialAgent(ctx context.Context, f *AgentFile, logger zerolog.Logger) (*agent.Agent, func(), error) {
	self, err := f.Host()
	if err != nil {
		return nil, nil, err
	}
	l := links{}
	if err := l.dial(self, cosigners(self.Cluster), nil); err != nil {
		return nil, nil, errors.Join(err, l.close())
	}
	book := witness.NewBook(members(self.Cluster))
	config := agentConfig(self, l)
	config.Logger, config.Position = logger, book.Position
	a := agent.New(config)
	hear(ctx, l, a, book)
	return a, func() { _ = l.close() }, nil
}

// hear pings all cosigners at once, and fills the book with what they state.
func hear(ctx context.Context, l links, a *agent.Agent, book *witness.Book) {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	var pings sync.WaitGroup
	var mu sync.Mutex // guards book
	for name, conn := range l {
		pings.Go(func() {
			asked := time.Now()
			r, err := cosignerv1.NewPingServiceClient(conn).Ping(ctx, &cosignerv1.PingRequest{})
			now := time.Now()
			a.Pinged(name, lead.Ping{Lost: err != nil, RTT: now.Sub(asked), Leader: r.GetLeader(), Term: r.GetTerm()}, now)
			mu.Lock()
			defer mu.Unlock()
			book.Answered(name, wire.ReadStatements(r.GetStatements()))
		})
	}
	pings.Wait()
}
