package main

import (
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/report"
)

// viewOf is what of the cluster file goes into a report.
func viewOf(f *cluster.File) report.Cluster {
	c := report.Cluster{ID: f.ID, Hash: f.Hash(), Chain: f.Chain, Validator: f.Validator.String(), Threshold: f.Threshold,
		Main: f.Main, Timing: f.Timing, Failover: report.Failover{Policy: f.Failover.Policy, Return: f.Failover.Return,
			PingInterval: time.Duration(f.Failover.PingInterval), PingTimeout: time.Duration(f.Failover.PingTimeout),
			After: time.Duration(f.Failover.After), FailbackAfter: time.Duration(f.Failover.FailbackAfter)}}
	for _, e := range f.Cosigners {
		c.Cosigners = append(c.Cosigners, e.Name)
	}
	for _, e := range f.Nodes {
		c.Nodes = append(c.Nodes, e.Name)
	}
	return c
}
