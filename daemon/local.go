package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"casper-cosigner/agent"
	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
)

// local are the credentials of a unix socket: the user at its other end, as the kernel says.
// Nothing is encrypted.
type local struct {
	credentials.TransportCredentials
}

// user is who is at the other end.
type user struct {
	credentials.CommonAuthInfo
	id uint32
}

// AuthType names the kind of proof.
func (user) AuthType() string { return "unix socket" }

// ServerHandshake asks the kernel who connected.
func (local) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return nil, nil, errors.New("no unix socket")
	}
	c, err := raw.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var who *unix.Ucred
	var failed error
	err = c.Control(func(fd uintptr) { who, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		return nil, nil, err
	}
	return conn, user{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}, who.Uid}, nil
}

// Info says what these are.
func (local) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "unix"}
}

// Clone returns the same.
func (l local) Clone() credentials.TransportCredentials { return l }

// mayClaim refuses whoever is neither root, as a gate is, nor the agent's own user. casper-node's
// group may open the socket, for a node without a key; with the key a node has, one that was broken
// into could have slots bound to what nobody wants.
func mayClaim(ctx context.Context) error {
	if p, ok := peer.FromContext(ctx); ok {
		if who, ok := p.AuthInfo.(user); ok && (who.id == 0 || int(who.id) == os.Geteuid()) {
			return nil
		}
	}
	return status.Error(codes.PermissionDenied, "only a gate claims, and it runs as root")
}

// gateServer is what an agent serves to the gate of its node.
type gateServer struct {
	cosignerv1.UnimplementedClaimServiceServer
	agent *agent.Agent
}

// Claim passes a gate's claim on.
func (s gateServer) Claim(ctx context.Context, r *cosignerv1.ClaimRequest) (*cosignerv1.ClaimResponse, error) {
	if err := mayClaim(ctx); err != nil {
		return nil, err
	}
	return s.agent.Claim(ctx, r)
}
