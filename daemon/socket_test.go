package daemon

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// TestGatesAlone: root and the agent's own user ask for all that a gate needs, and nobody else, nor
// whoever the kernel does not name: that one may ask for signatures.
func TestGatesAlone(t *testing.T) {
	own := uint32(os.Geteuid())
	for name, c := range map[string]struct {
		peer *peer.Peer
		may  bool
	}{
		"root":      {&peer.Peer{AuthInfo: user{id: 0}}, true},
		"own user":  {&peer.Peer{AuthInfo: user{id: own}}, true},
		"another":   {&peer.Peer{AuthInfo: user{id: own + 1000}}, false},
		"not named": {&peer.Peer{}, false},
		"no peer":   {nil, false},
	} {
		ctx := t.Context()
		if c.peer != nil {
			ctx = peer.NewContext(ctx, c.peer)
		}
		for _, m := range []string{cosignerv1.SignerService_Sign_FullMethodName, cosignerv1.ClaimService_Claim_FullMethodName,
			cosignerv1.InstanceService_Signed_FullMethodName, cosignerv1.GateService_Report_FullMethodName} {
			served := false
			_, err := gatesAlone(ctx, nil, &grpc.UnaryServerInfo{FullMethod: m}, func(context.Context, any) (any, error) {
				served = true
				return nil, nil
			})
			may := c.may || m == cosignerv1.SignerService_Sign_FullMethodName
			if served != may || !may && status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s asks for %s: served %v, %v", name, m, served, err)
			}
		}
	}
}

// TestWhoConnects: who is at the other end of the socket, the kernel says.
func TestWhoConnects(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var d net.Dialer
	client, err := d.DialContext(context.Background(), "unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, info, err := (local{}).ServerHandshake(conn); err != nil || info.(user).id != uint32(os.Geteuid()) {
		t.Errorf("%+v, %v", info, err)
	}
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	if _, _, err := (local{}).ServerHandshake(pipe); err == nil {
		t.Error("a connection that has no user was taken")
	}
}
