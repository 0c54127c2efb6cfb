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
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
)

const testPEM = "../../testdata/node-1.secret_key.pem"

// fakes are three cosigners that answer over real TLS: c2 leads, changes are made in memory, and
// everything is signed with the undivided key.
type fakes struct {
	dir    string // as init made it
	answer func(casper.Message) *cosignerv1.SignResponse

	mu      sync.Mutex
	leader  string
	view    *cosignerv1.StatusResponse // what all three show, and a change sets
	history []*cosignerv1.RoleChange
	held    []fakeHeld
	looked  func()                             // called when the leader is asked for its view
	edit    func(v *cosignerv1.StatusResponse) // called with what one of them is about to show
	reset   watermark.Reset                    // the last one that was asked for
	keeps   bool                               // whether it is said to be made, and is not
	fail    func(change string) error          // called after a change was made; its error is answered instead
}

// fakeHeld is a message that a slot holds, and who asked for it.
type fakeHeld struct {
	node string
	casper.Message
}

// startFakes has init make a cluster and serves it until the test ends.
func startFakes(t *testing.T) *fakes {
	f := &fakes{dir: filepath.Join(t.TempDir(), "new"), leader: "c2",
		looked: func() {}, edit: func(*cosignerv1.StatusResponse) {}, fail: func(string) error { return nil }}
	f.view = &cosignerv1.StatusResponse{Active: "a", Mode: cosignerv1.Mode_MODE_HOT, Epoch: 5, Term: 3, Ready: true,
		Newest: &cosignerv1.Mark{Era: 23, Height: 266}, NewestRound: 6, AppliedIndex: 4000,
		First:     &cosignerv1.Mark{Era: 20, Height: 30},
		Judgement: &cosignerv1.Judgement{Code: "well", Why: "all is well"},
		Nodes:     []*cosignerv1.NodeStatus{{Name: "a", Ready: true}, {Name: "b", Ready: true}}}
	base, listeners := freePorts(t)
	if code, _, errOut := f.run("init", "--local", "--dir", f.dir, "--chain", "casper-example", "--validator-pem", testPEM,
		"--cosigner", "c1,c2,c3", "--node", "a,b", "--base-port", fmt.Sprint(base),
		"--min-block-time", "20ms"); code != 0 {
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
			cosignerv1.AdminService_Hold_FullMethodName:            {cluster.Operator},
			cosignerv1.AdminService_Resume_FullMethodName:          {cluster.Operator},
			cosignerv1.AdminService_History_FullMethodName:         {cluster.Operator},
			cosignerv1.AdminService_SetFloor_FullMethodName:        {cluster.Operator},
			cosignerv1.AdminService_ResetHeights_FullMethodName:    {cluster.Operator},
			cosignerv1.AdminService_SetInstance_FullMethodName:     {cluster.Operator},
			cosignerv1.AdminService_ExportWatermark_FullMethodName: {cluster.Operator},
		})
		cosignerv1.RegisterAdminServiceServer(server, &fakeAdmin{fakes: f, name: name, hash: file.Hash(), file: file})
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
