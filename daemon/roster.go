package daemon

import (
	"time"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner"
	"casper-cosigner/cosigner/frost"
	"casper-cosigner/raftstore"
	"casper-cosigner/rule/attest"
	"casper-cosigner/rule/failover"
)

// This file is where the members of the cluster file become what each room knows of them: whom it
// votes with, who holds which share, whom it calls, which nodes it judges.

// contact is where a member is reached.
type contact struct {
	name, address string
	role          cluster.Role
}

// cosigners returns where the cosigners are reached, for shares and all but Raft.
func cosigners(c *cluster.File) (all []contact) {
	for _, e := range c.Cosigners {
		all = append(all, contact{e.Name, e.Address, cluster.Cosigner})
	}
	return all
}

// nodes returns where the nodes' agents are reached.
func nodes(c *cluster.File) (all []contact) {
	for _, e := range c.Nodes {
		all = append(all, contact{e.Name, e.Address, cluster.Node})
	}
	return all
}

// voters returns who replicates the log.
func voters(c *cluster.File) (all raftstore.Voters) {
	for _, e := range c.Cosigners {
		all = append(all, raftstore.Voter{Name: e.Name, Address: e.RaftAddress})
	}
	return all
}

// keyring returns who holds which share. The cluster file knows of one epoch: that of the share.
func keyring(c *cluster.File, own string, share *frost.KeyShare, epoch uint32) (*cosigner.Keyring, error) {
	keys := cosigner.Keys{Epoch: epoch, Share: share, Holders: map[string]int{}}
	for _, e := range c.Cosigners {
		keys.Holders[e.Name] = e.Share
	}
	return cosigner.NewKeyring(own, keys)
}

// attests returns how a cosigner signs that it holds something: with the key of its certificate.
func (h Host) attests() func(attest.Holding) attest.Attestation {
	c, key := h.Cluster.Attesters(), h.Key()
	return func(what attest.Holding) attest.Attestation { return c.Sign(key, h.Name, what) }
}

// failoverSettings returns what the nodes are judged by.
func failoverSettings(c *cluster.File) failover.Settings {
	s := failover.Settings{
		Main: c.Main, Validator: c.Validator.String(), Threshold: c.Threshold, Round: time.Duration(c.MinBlockTime),
		PingInterval: time.Duration(c.Failover.PingInterval), After: time.Duration(c.Failover.After),
		FailbackAfter: time.Duration(c.Failover.FailbackAfter),
		Failover:      failover.Policy(c.Failover.Policy), Failback: failover.Policy(c.Failover.Return),
	}
	s.Era, s.Rearm, s.Passive = time.Duration(c.MinEraTime), failover.Policy(c.Failover.Rearms()), c.Failover.Passive()
	for _, n := range c.Nodes {
		s.Nodes = append(s.Nodes, n.Name)
		if n.Stock {
			s.Stock = append(s.Stock, n.Name)
		}
	}
	return s
}

// passive returns the nodes that cast no vote unless they are active.
func passive(c *cluster.File) []string {
	if s := failoverSettings(c); s.Passive {
		return s.Stock
	}
	return nil
}
