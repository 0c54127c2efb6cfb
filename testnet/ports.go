package testnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Where `init --local` puts ports, counted from the base port.
const (
	portsEach  = 4 // data, raft, admin, metrics
	metricsAt  = 3
	agentsAt   = 100
	agentPorts = 4 // two each: ping, metrics
	lowestBase = 20000
	bases      = 100 // candidates, 120 apart; all below the range that systems hand out by themselves
	basesApart = 120
	tries      = 20
)

// FreePorts returns a base port from which on all ports that a cluster needs are free on the loopback address.
func FreePorts() (int, error) {
	var err error
	for range tries {
		base := lowestBase + rand.IntN(bases)*basesApart
		if err = portsFree(base); err == nil {
			return base, nil
		}
	}
	return 0, fmt.Errorf("finding free ports: %w", err)
}

func portsFree(base int) error {
	var err error
	try := func(port int) {
		l, listenErr := net.Listen("tcp", Loopback(port))
		if listenErr != nil {
			err = errors.Join(err, listenErr)
			return
		}
		err = errors.Join(err, l.Close())
	}
	for i := range size * portsEach {
		try(base + i)
	}
	for i := range agentPorts {
		try(base + agentsAt + i)
	}
	return err
}

// Loopback is the TCP address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// metricsAddress is where the i-th cosigner serves /metrics.
func (c *Cluster) metricsAddress(i int) string { return Loopback(c.basePort + i*portsEach + metricsAt) }
