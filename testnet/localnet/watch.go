package localnet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"casper-cosigner/agent/health"
)

// retryEvery is how long a watcher waits before it connects again.
const retryEvery = 200 * time.Millisecond

// eventSize is the most that one event may be, in bytes. A step of an era with few
// validators is far below.
const eventSize = 16 << 20

// Watch calls each for every event of the node until ctx ends or each fails; a connection that
// breaks is made again. Every connection begins with all events that the node still holds, 5000 at
// most: a killed node loses count of its events (casper-node event_indexer.rs), so counting on from
// the last one could leave some out. Each must therefore bear to see an event twice.
func (n *Node) Watch(ctx context.Context, each func(Event) error) error {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		var refused refusal
		if err := n.watchOnce(ctx, each); errors.As(err, &refused) {
			return refused.error
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refusal is an error of the caller's or an event that cannot be read, unlike a broken connection.
type refusal struct{ error }

func (n *Node) watchOnce(ctx context.Context, each func(Event) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.Events+"/events?start_from=0", nil)
	if err != nil {
		return refusal{fmt.Errorf("watching %s: %w", n.Name, err)}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("watching %s: %s", n.Name, response.Status)
	}
	return health.ReadMessages(response.Body, eventSize, func(m health.Message) error {
		if m.Cut {
			return refusal{fmt.Errorf("watching %s: event %s has more than %d bytes", n.Name, m.ID, eventSize)}
		}
		event, err := parseEvent(m.Data)
		if err != nil {
			return refusal{fmt.Errorf("watching %s: %w", n.Name, err)}
		}
		if event == nil {
			return nil
		}
		if err := each(event); err != nil {
			return refusal{err}
		}
		return nil
	})
}
