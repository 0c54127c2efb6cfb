package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/report"
)

// hintCertificate is for a cosigner and an operator that do not know each other.
const hintCertificate = "compare the operator's cluster file with the cosigners'; is the certificate in date?"

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
	view    report.Cluster                  // of the file
	clients []cosignerv1.AdminServiceClient // in the cluster file's order
	refused []*atomic.Bool                  // it does not take our certificate
	conns   []*grpc.ClientConn
}

// open reads the settings. It connects to nobody yet.
func (f *operatorFlags) open() (*admin, error) {
	m, err := f.host()
	if err != nil {
		return nil, err
	}
	a := &admin{file: m.Cluster, view: viewOf(m.Cluster)}
	for _, e := range m.Cluster.Cosigners {
		refused := &atomic.Bool{}
		conn, err := m.Cluster.Dial(m.Certificate, e.Name, e.AdminAddress,
			m.Cluster.Refusals(m.Certificate, e.Name, func(error) { refused.Store(true) }))
		if err != nil {
			a.close()
			return nil, errorf("cosigner %q: %w", e.Name, err)
		}
		a.conns, a.refused = append(a.conns, conn), append(a.refused, refused)
		a.clients = append(a.clients, cosignerv1.NewAdminServiceClient(conn))
	}
	return a, nil
}

func (a *admin) close() {
	for _, c := range a.conns {
		_ = c.Close() // nothing is under way any more
	}
}

// ask asks every cosigner at once for its view.
func (a *admin) ask(ctx context.Context) []report.Answer {
	return a.askFor(ctx, &cosignerv1.StatusRequest{})
}

// askFor is ask for more than every view has.
func (a *admin) askFor(ctx context.Context, request *cosignerv1.StatusRequest) []report.Answer {
	answers := make([]report.Answer, len(a.clients))
	var group sync.WaitGroup
	for i, client := range a.clients {
		group.Go(func() {
			e := a.file.Cosigners[i]
			answers[i] = report.Answer{Name: e.Name, Address: e.AdminAddress}
			seen, err := client.Status(ctx, request)
			if err != nil {
				answers[i].Error = reason(err)
				answers[i].Refused = a.refused[i].Load() || isRefused(err)
				answers[i].Foreign = isForeign(err)
				return
			}
			a.refused[i].Store(false)
			answers[i].Status = seen
		})
	}
	group.Wait()
	return answers
}

// leading is the cosigner that leads, as it was seen.
type leading struct {
	cosignerv1.AdminServiceClient
	seen *cosignerv1.StatusResponse
}

// leader asks every cosigner and returns the one that leads.
func (a *admin) leader(ctx context.Context) (leading, error) {
	answers := a.ask(ctx)
	i := report.Leader(answers)
	if i >= 0 {
		return leading{a.clients[i], answers[i].Status}, nil
	}
	var said []error
	for _, r := range answers {
		if r.Status == nil {
			said = append(said, errorf("cosigner %s at %s: %s", r.Name, r.Address, r.Error))
		} else {
			said = append(said, errorf("cosigner %s: does not lead, and takes %q for the leader", r.Name, r.Status.GetLeader()))
		}
	}
	if slices.ContainsFunc(answers, func(r report.Answer) bool { return r.Unasked() }) { // one of those may lead
		return leading{}, &fault{code: exitUnavailable, hints: []string{hintCertificate},
			err: errorf("no cosigner that this operator can ask leads, nothing was done:\n%w", errors.Join(said...))}
	}
	return leading{}, &fault{code: exitNoQuorum, err: errorf("no cosigner leads, nothing was done:\n%w",
		errors.Join(said...)),
		hints: []string{"`casper-cosigner status`; more than half of the cosigners must run and reach each other"}}
}

// withLeader calls do with the leader's client and view.
func (f *operatorFlags) withLeader(c *cobra.Command, do func(context.Context, cosignerv1.AdminServiceClient,
	*cosignerv1.StatusResponse) error) error {
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
	return errorf("%s: %w", what, answerFault(err))
}

// answerFault is what a cosigner answered to a change, or that it did not.
func answerFault(err error) error {
	if err == nil {
		return nil
	}
	f := &fault{code: exitRefused, err: errors.New(reason(err))}
	if isUnknown(err) {
		f.code = exitUnavailable
		f.hints = []string{"`casper-cosigner status` shows whether the change was made; then ask again"}
	}
	return f
}

// isUnknown reports whether nothing is known of what became of a call: no cosigner said no.
func isUnknown(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return false
}

// isRefused reports whether a cosigner does not let us ask at all.
func isRefused(err error) bool {
	code := status.Code(err)
	return code == codes.PermissionDenied || code == codes.Unauthenticated
}

// isForeign reports whether we do not take the cosigner's certificate: it may well sign, in the
// cluster of another file. The text is all that gRPC leaves of such an error.
func isForeign(err error) bool {
	text := status.Convert(err).Message()
	return strings.Contains(text, "tls: failed to verify certificate") ||
		strings.Contains(text, "is not in the cluster file")
}

// reason is a gRPC error for people: the server's words, or what the connection met.
func reason(err error) string {
	s := status.Convert(err)
	text := s.Message()
	for _, noise := range []string{"connection error: ", "desc = ", "transport: ", "error while dialing: ",
		"Error while dialing: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	text = strings.Trim(text, `"`)
	if s.Code() == codes.DeadlineExceeded {
		return fmt.Sprintf("no answer in time (%s)", text)
	}
	return text
}
