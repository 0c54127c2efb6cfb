package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/signer/casper"
	"casper-cosigner/signer/wire"
)

const testPEM = "../../testdata/node-1.secret_key.pem"

// fakes are three cosigners that answer over real TLS: c2 leads, changes are made in memory, and everything is signed
// with the undivided key.
type fakes struct {
	dir    string // as init made it
	leader string
	epoch  uint64
	roles  cosignerv1.StatusResponse // what a change sets
	held   []casper.Message
	answer func(casper.Message) *cosignerv1.SignResponse
}

// startFakes has init make a cluster and serves it until the test ends.
func startFakes(t *testing.T) *fakes {
	f := &fakes{dir: filepath.Join(t.TempDir(), "new"), leader: "c2", epoch: 5}
	f.roles.Active, f.roles.Mode = "a", cosignerv1.Mode_MODE_HOT
	base, listeners := freePorts(t)
	if code, _, errOut := f.run("init", "--local", "--dir", f.dir, "--chain", "casper-example", "--validator-pem", testPEM,
		"--cosigner", "c1,c2,c3", "--node", "a,b", "--base-port", fmt.Sprint(base)); code != 0 {
		t.Fatal(errOut)
	}
	for i, name := range []string{"c1", "c2", "c3"} {
		var text [3][]byte
		for k, file := range []string{"cluster.toml", "tls.crt", "tls.key"} {
			var err error
			if text[k], err = os.ReadFile(filepath.Join(f.dir, name, file)); err != nil {
				t.Fatal(err)
			}
		}
		file, err := cluster.Parse(text[0])
		if err != nil {
			t.Fatal(err)
		}
		own, err := file.LoadCertificate(name, text[1], text[2])
		if err != nil {
			t.Fatal(err)
		}
		server := file.NewServer(own, cluster.Access{
			cosignerv1.SignerService_Sign_FullMethodName:           {cluster.Node},
			cosignerv1.AdminService_Status_FullMethodName:          {cluster.Operator},
			cosignerv1.AdminService_Activate_FullMethodName:        {cluster.Operator},
			cosignerv1.AdminService_SetMode_FullMethodName:         {cluster.Operator},
			cosignerv1.AdminService_Suspend_FullMethodName:         {cluster.Operator},
			cosignerv1.AdminService_SetFloor_FullMethodName:        {cluster.Operator},
			cosignerv1.AdminService_ExportWatermark_FullMethodName: {cluster.Operator},
		})
		cosignerv1.RegisterAdminServiceServer(server, &fakeAdmin{fakes: f, name: name, hash: file.Hash()})
		cosignerv1.RegisterSignerServiceServer(server, &fakeSigner{fakes: f})
		for _, l := range listeners[i] {
			go func() { _ = server.Serve(l) }()
		}
		t.Cleanup(server.Stop)
	}
	return f
}

// freePorts returns a base port whose data and admin ports it has bound, by cosigner.
func freePorts(t *testing.T) (int, [3][]net.Listener) {
	for range 50 {
		base := 20000 + rand.IntN(20000)
		var all [3][]net.Listener
		bound := 0
		for i := range all {
			for _, offset := range []int{portData, portAdmin} {
				if l, err := net.Listen("tcp", loopback(base+i*portsEach+offset)); err == nil {
					all[i] = append(all[i], l)
					bound++
				}
			}
		}
		if bound == 6 {
			return base, all
		}
		for _, ls := range all {
			for _, l := range ls {
				l.Close()
			}
		}
	}
	t.Fatal("no free ports")
	return 0, [3][]net.Listener{}
}

// run runs the program in this process.
func (f *fakes) run(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// operate runs it with the operator's settings.
func (f *fakes) operate(args ...string) (int, string, string) {
	return f.run(append(args, "--config", filepath.Join(f.dir, "operator", "operator.toml"))...)
}

type fakeAdmin struct {
	cosignerv1.UnimplementedAdminServiceServer
	*fakes
	name string
	hash [32]byte
}

func (a *fakeAdmin) Status(context.Context, *cosignerv1.StatusRequest) (*cosignerv1.StatusResponse, error) {
	return &cosignerv1.StatusResponse{Name: a.name, ClusterFileHash: a.hash[:], Leader: a.leader, Term: 3, Ready: true, Epoch: a.epoch,
		Active: a.roles.Active, Mode: a.roles.Mode, Reason: a.roles.Reason, Suspended: a.roles.Suspended, Floor: a.roles.Floor,
		Newest: &cosignerv1.Mark{Era: 23, Height: 266}, NewestRound: 6}, nil
}

func (a *fakeAdmin) change(epoch uint64, reason string) (uint64, error) {
	if a.name != a.leader {
		return 0, status.Error(codes.FailedPrecondition, "this cosigner does not lead")
	}
	if epoch != a.epoch {
		return 0, status.Error(codes.Aborted, "another change came first")
	}
	a.epoch++
	a.roles.Reason = reason
	return a.epoch, nil
}

func (a *fakeAdmin) Activate(_ context.Context, r *cosignerv1.ActivateRequest) (*cosignerv1.ActivateResponse, error) {
	if r.GetNode() != "a" && r.GetNode() != "b" {
		return nil, status.Errorf(codes.NotFound, "no node %q in the cluster file", r.GetNode())
	}
	a.roles.Active = r.GetNode()
	epoch, err := a.change(r.GetEpoch(), r.GetReason())
	return &cosignerv1.ActivateResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) SetMode(_ context.Context, r *cosignerv1.SetModeRequest) (*cosignerv1.SetModeResponse, error) {
	a.roles.Mode = r.GetMode()
	epoch, err := a.change(r.GetEpoch(), r.GetReason())
	return &cosignerv1.SetModeResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) Suspend(_ context.Context, r *cosignerv1.SuspendRequest) (*cosignerv1.SuspendResponse, error) {
	a.roles.Suspended = nil
	if r.GetSuspended() {
		a.roles.Suspended = []string{r.GetNode()}
	}
	epoch, err := a.change(r.GetEpoch(), r.GetReason())
	return &cosignerv1.SuspendResponse{Epoch: epoch}, err
}

func (a *fakeAdmin) SetFloor(_ context.Context, r *cosignerv1.SetFloorRequest) (*cosignerv1.SetFloorResponse, error) {
	a.roles.Floor = r.GetFloor()
	return &cosignerv1.SetFloorResponse{Floor: r.GetFloor()}, nil
}

func (a *fakeAdmin) ExportWatermark(_ *cosignerv1.ExportWatermarkRequest, out grpc.ServerStreamingServer[cosignerv1.ExportWatermarkResponse]) error {
	for _, m := range a.held {
		b, err := m.AppendBinary(nil)
		if err != nil {
			return err
		}
		if err := out.Send(&cosignerv1.ExportWatermarkResponse{Slot: describe(m), Message: b, Node: "a"}); err != nil {
			return err
		}
	}
	return nil
}

type fakeSigner struct {
	cosignerv1.UnimplementedSignerServiceServer
	*fakes
}

func (s *fakeSigner) Sign(_ context.Context, r *cosignerv1.SignRequest) (*cosignerv1.SignResponse, error) {
	m, err := wire.Message(r)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return s.answer(m), nil
}

// signature signs with the undivided key.
func signature(t *testing.T, m casper.Message) casper.Signature {
	seed, err := readSeed(testPEM)
	if err != nil {
		t.Fatal(err)
	}
	return casper.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(seed[:]), m.SignBytes()))
}
