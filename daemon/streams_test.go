package daemon

import (
	"context"
	"os"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// streamFrom is a call that is answered bit by bit, from whoever the context says.
type streamFrom struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamFrom) Context() context.Context { return s.ctx }

// TestGateStreams: only a gate has the key sent, and not casper-node's group, which may open the
// socket too.
func TestGateStreams(t *testing.T) {
	from := func(id uint32) context.Context {
		return peer.NewContext(t.Context(), &peer.Peer{AuthInfo: user{id: id}})
	}
	for name, tt := range map[string]struct {
		ctx context.Context
		may bool
	}{
		"root": {from(0), true}, "the agent's user": {from(uint32(os.Geteuid())), true},
		"another user": {from(uint32(os.Geteuid()) + 12345), false}, "nobody knows who": {t.Context(), false},
	} {
		asked := false
		err := gateStreams(nil, streamFrom{ctx: tt.ctx}, nil, func(any, grpc.ServerStream) error { asked = true; return nil })
		if asked != tt.may || (err == nil) != tt.may {
			t.Errorf("%s: asked %v, %v", name, asked, err)
		}
	}
}
