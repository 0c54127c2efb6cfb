package daemon

import (
	"fmt"
	"net"

	"casper-cosigner/cluster"
)

// bound are a cosigner's addresses, nothing of which is accepted yet.
type bound struct{ raft, data, admin net.Listener }

// bind binds all of them, or none. It comes before the state directory is opened: a process that
// cannot listen, and is started again each second, must leave nothing behind there. Callers wait
// meanwhile, as for one that is slow.
func (f *CosignerFile) bind(entry cluster.CosignerEntry) (b bound, err error) {
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	for _, port := range []struct {
		name    string
		to      *net.Listener
		address string
	}{
		{"Raft", &b.raft, or(f.ListenRaft, entry.RaftAddress)},
		{"data", &b.data, or(f.Listen, entry.Address)},
		{"admin", &b.admin, or(f.ListenAdmin, entry.AdminAddress)},
	} {
		if *port.to, err = net.Listen("tcp", port.address); err != nil {
			return b, fmt.Errorf("binding the %s port: %w; this cosigner may be running already", port.name, err)
		}
	}
	return b, nil
}

// close closes what whoever was given it has not closed yet.
func (b bound) close() {
	for _, l := range []net.Listener{b.raft, b.data, b.admin} {
		if l != nil {
			_ = l.Close()
		}
	}
}
