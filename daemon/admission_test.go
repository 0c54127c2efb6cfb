package daemon_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/call"
	"casper-cosigner/statedir"
)

// TestNoPresenceNoAnswer: a running cosigner answers another's certificate only on the state that
// it was seen with, and a node's certificate not at all, whatever is called.
func TestNoPresenceNoAnswer(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start("cosigner-1", "cosigner-2", "cosigner-3")
	l.waitPinned("cosigner-1", "cosigner-2")
	other := statedir.Presence{Cluster: statedir.ID(l.File.ID), Directory: statedir.NewID(), Session: statedir.NewID(),
		Boot: 1}
	shown, err := proto.Marshal(other.Proto())
	if err != nil {
		t.Fatal(err)
	}
	entry, _ := l.File.Cosigner("cosigner-1")
	for _, c := range []struct {
		name, caller string
		shows        []string
		want         codes.Code
	}{
		{"no presence", "cosigner-2", nil, codes.InvalidArgument},
		{"another directory", "cosigner-2", []string{"casper-presence-bin", string(shown)}, codes.PermissionDenied},
		{"a node", "node-a", []string{"casper-presence-bin", string(shown)}, codes.PermissionDenied},
	} {
		conn, err := l.File.Dial(l.Certificates[c.caller], "cosigner-1", entry.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for _, method := range call.Methods() {
			if slices.Contains([]string{cosignerv1.SignerService_Sign_FullMethodName,
				cosignerv1.SignerService_RegisterTLSPoint_FullMethodName,
				cosignerv1.ClaimService_Claim_FullMethodName, cosignerv1.PeerService_Tell_FullMethodName}, method) {
				continue // a node's own, or answered on any state
			}
			ctx := metadata.AppendToOutgoingContext(t.Context(), c.shows...)
			if err := conn.Invoke(ctx, method, &emptypb.Empty{}, &emptypb.Empty{},
				grpc.WaitForReady(true)); status.Code(err) != c.want {
				t.Errorf("%s, %s: got %v, want %v", method, c.name, err, c.want)
			}
		}
	}
}
