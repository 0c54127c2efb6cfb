package localnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"

	"casper-cosigner/testnet"
)

// Where ports are looked for: below those which systems give to outgoing connections by themselves, one of which could
// otherwise sit on a node's port while the node is down.
const (
	lowestPort  = 12000
	highestPort = 20000
)

// freePorts returns n different ports that are free on the loopback address now.
func freePorts(n int) ([]int, error) {
	var ports []int
	var busy error
	first := lowestPort + rand.IntN(highestPort-lowestPort)
	for i := range highestPort - lowestPort {
		if len(ports) == n {
			return ports, nil
		}
		port := lowestPort + (first-lowestPort+i)%(highestPort-lowestPort)
		l, err := net.Listen("tcp", testnet.Loopback(port))
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
