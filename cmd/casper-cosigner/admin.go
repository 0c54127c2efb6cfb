package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

const operatorConfig = configFolder + "/operator.toml"

// operatorFlags are the flags of what talks to the cosigners as an operator.
type operatorFlags struct {
	config  string
	timeout time.Duration
}

func (f *operatorFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", operatorConfig, "the operator's settings")
	c.Flags().DurationVar(&f.timeout, "timeout", 3*time.Second, "how long to wait for the cosigners")
}

// admin is an operator's connection to every cosigner.
type admin struct {
	file    *cluster.File
	clients []cosignerv1.AdminServiceClient // in the cluster file's order
	conns   []*grpc.ClientConn
}

// open reads the settings. It connects to nobody yet.
func (f *operatorFlags) open() (*admin, error) {
	own, err := daemon.ReadOperatorFile(f.config)
	if err != nil {
		return nil, err
	}
	m, err := own.Host()
	if err != nil {
		return nil, err
	}
	if err := checkRole(m, cluster.Operator); err != nil {
		return nil, err
	}
	a := &admin{file: m.Cluster}
	for _, e := range m.Cluster.Cosigners {
		conn, err := m.Cluster.Dial(m.Certificate, e.Name, e.AdminAddress)
		if err != nil {
			a.close()
			return nil, errorf("cosigner %q: %w", e.Name, err)
		}
		a.conns = append(a.conns, conn)
		a.clients = append(a.clients, cosignerv1.NewAdminServiceClient(conn))
	}
	return a, nil
}

func (a *admin) close() {
	for _, c := range a.conns {
		_ = c.Close() // nothing is under way any more
	}
}

// reply is what one cosigner answered.
type reply struct {
	entry  cluster.CosignerEntry
	status *cosignerv1.StatusResponse // nil with err
	err    error
}

// leads says whether it claims to lead.
func (r reply) leads() bool { return r.status != nil && r.status.GetLeader() == r.entry.Name }

// ask asks every cosigner at once for its view.
func (a *admin) ask(ctx context.Context) []reply {
	replies := make([]reply, len(a.clients))
	var group sync.WaitGroup
	for i, client := range a.clients {
		group.Go(func() {
			r := reply{entry: a.file.Cosigners[i]}
			r.status, r.err = client.Status(ctx, &cosignerv1.StatusRequest{})
			replies[i] = r
		})
	}
	group.Wait()
	return replies
}

// leader returns the place of the cosigner that leads in the highest term, -1 if none answered.
func leader(replies []reply) int {
	best := -1
	for i, r := range replies {
		if r.leads() && (best < 0 || r.status.GetTerm() > replies[best].status.GetTerm()) {
			best = i
		}
	}
	return best
}

// mostAdvanced returns the place of the view to show: the leader's, else that of whoever has applied most, else -1.
func mostAdvanced(replies []reply) int {
	best := leader(replies)
	if best >= 0 {
		return best
	}
	for i, r := range replies {
		if r.err == nil && (best < 0 || r.status.GetAppliedIndex() > replies[best].status.GetAppliedIndex()) {
			best = i
		}
	}
	return best
}

// leading is the cosigner that leads, as it was seen.
type leading struct {
	cosignerv1.AdminServiceClient
	seen *cosignerv1.StatusResponse
}

// leader asks every cosigner and returns the one that leads.
func (a *admin) leader(ctx context.Context) (leading, error) {
	replies := a.ask(ctx)
	i := leader(replies)
	if i >= 0 {
		return leading{a.clients[i], replies[i].status}, nil
	}
	var said []error
	for _, r := range replies {
		if r.err != nil {
			said = append(said, errorf("cosigner %s at %s: %s", r.entry.Name, r.entry.AdminAddress, reason(r.err)))
		} else {
			said = append(said, errorf("cosigner %s: does not lead, and takes %q for the leader", r.entry.Name, r.status.GetLeader()))
		}
	}
	return leading{}, &fault{code: exitNoQuorum, err: errorf("no cosigner leads, nothing was done:\n%w", errors.Join(said...)),
		hints: []string{"`casper-cosigner status`; more than half of the cosigners must run and reach each other"}}
}

// withLeader calls do with the leader's client and view.
func (f *operatorFlags) withLeader(c *cobra.Command, do func(context.Context, cosignerv1.AdminServiceClient, *cosignerv1.StatusResponse) error) error {
	a, err := f.open()
	if err != nil {
		return err
	}
	defer a.close()
	ctx, cancel := context.WithTimeout(c.Context(), f.timeout)
	defer cancel()
	l, err := a.leader(ctx)
	if err != nil {
		return err
	}
	return do(ctx, l.AdminServiceClient, l.seen)
}

// changeFault maps a refused or lost change to an exit code.
func changeFault(what string, err error) error {
	if err == nil {
		return nil
	}
	f := &fault{code: exitRefused, err: errorf("%s: %s", what, reason(err))}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		f.code = exitUnavailable
		f.hints = []string{"`casper-cosigner status` shows whether the change was made; then ask again"}
	}
	return f
}

// reason is a gRPC error for people: the server's words, or what the connection met.
func reason(err error) string {
	s := status.Convert(err)
	text := s.Message()
	for _, noise := range []string{"connection error: ", "desc = ", "transport: ", "error while dialing: ", "Error while dialing: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	text = strings.Trim(text, `"`)
	if s.Code() == codes.DeadlineExceeded {
		return fmt.Sprintf("no answer in time (%s)", text)
	}
	return text
}
