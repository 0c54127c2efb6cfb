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
	mostOf     = 5 // cosigners of any cluster here
	agentPorts = 4 // two each: ping, metrics
	lowestBase = 20000
	bases      = 100 // candidates, 120 apart; all below the range that systems hand out by themselves
	basesApart = 120
	tries      = 20
)

// FreePorts returns a base port from which on all ports that a cluster needs are free on the
// loopback address.
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
	for i := range mostOf * portsEach {
		try(base + i)
	}
	for i := range agentPorts {
		try(base + agentsAt + i)
	}
	return err
}

// Where QuietPorts looks: below those which systems give to outgoing connections by themselves, one
// of which could otherwise sit on a process's port while that is down.
const (
	lowestQuiet  = 12000
	highestQuiet = 20000
)

// QuietPorts returns n different ports that are free on the loopback address now, for processes
// that may be down for a while.
func QuietPorts(n int) ([]int, error) {
	var ports []int
	var busy error
	first := lowestQuiet + rand.IntN(highestQuiet-lowestQuiet)
	for i := range highestQuiet - lowestQuiet {
		if len(ports) == n {
			return ports, nil
		}
		port := lowestQuiet + (first-lowestQuiet+i)%(highestQuiet-lowestQuiet)
		l, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			busy = err
			continue
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("trying port %d: %w", port, err)
		}
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("finding %d free ports: %w", n, errors.Join(errors.New("too few"), busy))
}

// Loopback is the TCP address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// metricsAddress is where the i-th cosigner serves /metrics.
func (c *Cluster) metricsAddress(i int) string { return Loopback(c.basePort + i*portsEach + metricsAt) }
