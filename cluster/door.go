package cluster

import (
	"net"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// What newcomers are granted, who have not shown yet which member they are: anybody who reaches the
// port is one. A member needs two round trips.
const (
	knownWithin   = 5 * time.Second
	mostNewcomers = 256
)

// door takes in newcomers. Where there are too many, the one that came first goes: a member has
// shown who it is before so many more came, and a stranger that says nothing has not.
type door struct {
	credentials.TransportCredentials

	mu        sync.Mutex // guards what follows
	newcomers []net.Conn // the oldest first
}

// ServerHandshake has a newcomer show who it is.
func (d *door) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	d.enter(c)
	defer d.leave(c)
	return d.TransportCredentials.ServerHandshake(c)
}

func (d *door) enter(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.newcomers) >= mostNewcomers {
		d.newcomers[0].Close()
		d.newcomers = slices.Delete(d.newcomers, 0, 1)
	}
	d.newcomers = append(d.newcomers, c)
}

func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newcomers = slices.DeleteFunc(d.newcomers, func(n net.Conn) bool { return n == c })
}
