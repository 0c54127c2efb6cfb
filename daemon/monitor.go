package daemon

import (
	"context"
	"fmt"
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/monitor"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/failover"
	"casper-cosigner/statedir"
)

// newMonitor assembles what watches the nodes.
func (h *host) newMonitor() *monitor.Monitor {
	c := h.member.Cluster
	config := monitor.Config{
		Name: h.member.Name, Settings: failoverSettings(c), Timeout: time.Duration(c.Failover.PingTimeout), Log: h.store,
		Leader: func() (string, bool) { lead := h.store.Leader(); return lead.Name, lead.Self },
		Ready:  h.quorum.Ready, Now: h.options.Now, Logger: h.options.Logger,
	}
	for _, e := range c.Cosigners {
		if client, ok := h.peers.cosigner(e.Name); ok {
			config.Others = append(config.Others, monitor.Other{Name: e.Name, Ask: h.gathering(e.Name, client)})
		}
	}
	return monitor.New(config)
}

// gathering returns how to ask another cosigner what the agents told it.
func (h *host) gathering(name string, client cosignerv1.CosignerServiceClient) func(context.Context) (*cosignerv1.GatherResponse, error) {
	return func(ctx context.Context) (*cosignerv1.GatherResponse, error) {
		r, err := client.Gather(ctx, &cosignerv1.GatherRequest{Presence: h.presence().Proto()})
		if err != nil {
			return nil, err
		}
		presence, err := statedir.ParsePresence(r.GetPresence())
		if err != nil {
			return nil, fmt.Errorf("reading its presence: %w", err)
		}
		return r, h.dir.Admit(name, presence)
	}
}

func failoverSettings(c *cluster.File) failover.Settings {
	s := failover.Settings{
		Main: c.Main, Validator: c.Validator.String(), Threshold: c.Threshold, Round: time.Duration(c.MinBlockTime),
		PingInterval: time.Duration(c.Failover.PingInterval), After: time.Duration(c.Failover.After),
		FailbackAfter: time.Duration(c.Failover.FailbackAfter),
		Failover:      failover.Policy(c.Failover.Policy), Failback: failover.Policy(c.Failover.Return),
	}
	for _, n := range c.Nodes {
		s.Nodes = append(s.Nodes, n.Name)
	}
	return s
}
