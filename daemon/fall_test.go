package daemon_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"casper-cosigner/cluster"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/statedir"
)

// put is a cosigner that was put back with its memory: it answers as the process that it was, with
// a log as of long ago.
type put struct {
	cosignerv1.UnimplementedPeerServiceServer
	shows string
}

func (p put) Gather(ctx context.Context, _ *cosignerv1.GatherRequest) (*cosignerv1.GatherResponse, error) {
	return &cosignerv1.GatherResponse{}, grpc.SetHeader(ctx, metadata.Pairs("casper-presence-bin", p.shows))
}

// TestPutBackWithItsMemory: who answers as the same start and process with an older log is refused
// from then on, though it has caught up, also after the other's restart. The start after that is
// taken, if nothing was lost.
func TestPutBackWithItsMemory(t *testing.T) {
	t.Parallel()
	l := newLocal(t, nil)
	l.start(all...)
	a := l.node("node-a")
	for round := range uint32(20) {
		l.mustSign(a, echo(1, round, 1))
	}
	const back, witness = "cosigner-3", "cosigner-1"
	_ = l.stop(back)
	l.mustSign(a, echo(1, 20, 1))
	_ = l.stop(witness) // writes what it saw
	seen := l.seen(witness, back)
	l.start(witness)

	entry, _ := l.File.Cosigner(back)
	listener, err := net.Listen("tcp", entry.Address)
	if err != nil {
		t.Fatal(err)
	}
	server := l.File.NewServer(l.Certificates[back],
		cluster.Access{cosignerv1.PeerService_Gather_FullMethodName: {cluster.Cosigner}})
	served, older := make(chan error), seen
	older.AppliedIndex, older.LastIndex = seen.AppliedIndex/2, seen.LastIndex/2
	cosignerv1.RegisterPeerServiceServer(server, put{shows: marshalled(t, older)})
	go func() { served <- server.Serve(listener) }()

	conn, err := l.File.Dial(l.Certificates[back], witness, mustAddress(l, witness))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := func(p statedir.Presence) error {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "casper-presence-bin", marshalled(t, p))
		_, err := cosignerv1.NewPeerServiceClient(conn).Gather(ctx, &cosignerv1.GatherRequest{}, grpc.WaitForReady(true))
		return err
	}
	caughtUp := seen
	caughtUp.AppliedIndex, caughtUp.LastIndex = seen.AppliedIndex+1000, seen.LastIndex+1000
	deadline := time.Now().Add(patience)
	for err = ask(seen); status.Code(err) != codes.PermissionDenied; err = ask(seen) {
		if time.Now().After(deadline) {
			t.Fatalf("it is still let in: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	if !strings.Contains(err.Error(), "went back while it ran") || !strings.Contains(err.Error(), "Restart it once") {
		t.Errorf("it is refused with %v", err)
	}
	server.Stop()
	<-served
	_ = l.stop(witness)
	l.start(witness)
	if err := ask(caughtUp); status.Code(err) != codes.PermissionDenied {
		t.Errorf("once it has caught up, after a restart of who saw it: %v", err)
	}
	l.start(back) // its directory is as it was: a restart, and nothing was lost
	_ = l.stop("cosigner-2")
	if !l.signsWithin(a, echo(1, 21, 1), patience) {
		t.Error("the next start is not taken, though nothing was lost")
	}
}

// seen is what a cosigner has written down of another.
func (l *local) seen(by, of string) (p statedir.Presence) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.path, by, "state", "peers.json"))
	if err != nil {
		l.t.Fatal(err)
	}
	var file struct {
		Body map[string]statedir.Presence `json:"body"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		l.t.Fatal(err)
	}
	// How far it was when it was last heard depends on when that was: any index can be half.
	if p = file.Body[of]; p.AppliedIndex < 2 {
		l.t.Fatalf("%s has seen %+v of %s", by, p, of)
	}
	return p
}

func marshalled(t *testing.T, p statedir.Presence) string {
	t.Helper()
	b, err := proto.Marshal(p.Proto())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func mustAddress(l *local, name string) string {
	l.t.Helper()
	entry, ok := l.File.Cosigner(name)
	if !ok {
		l.t.Fatal(name)
	}
	return entry.Address
}
