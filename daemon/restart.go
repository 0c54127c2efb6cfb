package daemon

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"casper-cosigner/agent"
	"casper-cosigner/rule/failover"
)

// restartLimit bounds the command that restarts a node. A service manager waits for the node's end,
// and casper-node's unit gives it a minute and a half.
const restartLimit = 2 * time.Minute

// openRestarter returns what restarts the node by order; nil if it is none of the stock ones, since
// no other ever needs that, whatever cosigners say.
func (h *agentHost) openRestarter(f *AgentFile) *agent.Restarter {
	c := h.self.Cluster
	if !c.StockNodes()[f.Name] {
		return nil
	}
	for _, result := range agent.RestartResults() { // so that the first is seen as a rise
		h.metrics.restarts.WithLabelValues(result)
	}
	config := agent.RestarterConfig{Cluster: hex.EncodeToString(c.ID), Threshold: c.Threshold,
		Ping: time.Duration(c.Failover.PingInterval), Path: f.RestartPath(), Node: h.watcher,
		Observe: h.metrics.restarted, Now: time.Now, Logger: h.options.Logger}
	if words := f.RestartCommand(); len(words) > 0 {
		config.Command = func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, restartLimit)
			defer cancel()
			output, err := execute(ctx, words, nil)
			if err != nil && ctx.Err() != nil {
				err = fmt.Errorf("ended after at most %v: %w", restartLimit, err)
			}
			return output, err
		}
	} else if failover.Policy(c.Failover.Rearms()) == failover.Auto {
		h.options.Logger.Warn().Msg("agent.toml names no command that restarts the node, `restart`: if it is out of an " +
			"era, and the cosigners want that, an operator must")
	}
	return agent.OpenRestarter(config)
}
