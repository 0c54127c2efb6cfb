package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

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

// gatesAlone lets whoever may open the socket ask for signatures, and has all else for gates: for
// root, as which they run, and for the agent's own user. casper-node's group may open it, for a
// node without a key; with the key a node has, one that was broken into could have slots bound to
// what nobody wants.
func gatesAlone(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !strings.HasPrefix(info.FullMethod, "/"+cosignerv1.SignerService_ServiceDesc.ServiceName+"/") && !isGate(ctx) {
		return nil, errNoGate
	}
	return next(ctx, request)
}

var errNoGate = status.Error(codes.PermissionDenied, "only a gate asks that, and it runs as root")

// gateStreams is gatesAlone for what is answered bit by bit: the key, where the cosigners keep it.
func gateStreams(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if !isGate(stream.Context()) {
		return errNoGate
	}
	return next(server, stream)
}

func isGate(ctx context.Context) bool {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return false
	}
	who, ok := p.AuthInfo.(user)
	return ok && (who.id == 0 || int(who.id) == os.Geteuid())
}
