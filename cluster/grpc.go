package cluster

import (
	"context"
	"crypto/tls"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// Limits of every connection between members. Requests are small and answered within seconds.
const (
	maxMessage     = 1 << 20
	maxStreams     = 1024
	keepaliveEvery = 10 * time.Second
	keepaliveWait  = 2 * time.Second
)

// Access is which roles may call which gRPC method, by full method name. What is not in it
// nobody may call.
type Access map[string][]Role

// NewServer returns a gRPC server that takes members only, each for what access gives its role.
// What more options ask of a call is asked after that.
func (f *File) NewServer(own tls.Certificate, access Access, more ...grpc.ServerOption) *grpc.Server {
	var roles []Role
	for _, allowed := range access {
		roles = append(roles, allowed...)
	}
	check := func(ctx context.Context, method string) error {
		m, ok := f.Caller(ctx)
		if !ok {
			return status.Error(codes.Unauthenticated, "no member of this cluster")
		}
		if !slices.Contains(access[method], m.Role) {
			return status.Errorf(codes.PermissionDenied, "%s %q may not call %s", m.Role, m.Name, method)
		}
		return nil
	}
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.Creds(&door{TransportCredentials: credentials.NewTLS(f.ServerTLS(own, roles...))}),
		grpc.ConnectionTimeout(knownWithin),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveEvery / 2, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(func(ctx context.Context, r any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any,
			error) {
			if err := check(ctx, info.FullMethod); err != nil {
				return nil, err
			}
			return next(ctx, r)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo,
			next grpc.StreamHandler) error {
			if err := check(ss.Context(), info.FullMethod); err != nil {
				return err
			}
			return next(srv, ss)
		}),
	}, more...)...)
}

// SoonAgain is for a connection whose other end is waited for: it is called again four times a
// second while it is gone, which an agent can afford.
func SoonAgain() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
			MaxDelay: 250 * time.Millisecond},
		MinConnectTimeout: time.Second,
	})}
}

// Dial returns a connection to the named member. It connects when first used and again
// whenever it has to.
func (f *File) Dial(own tls.Certificate, name, address string, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(f.ClientTLS(own, name))),
		grpc.WithConnectParams(grpc.ConnectParams{
			// A member that comes back must be found within a round, not after a minute of backing off.
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
				MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveEvery, Timeout: keepaliveWait,
			PermitWithoutStream: true}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithDisableServiceConfig(),
	}, more...)
	return grpc.NewClient("passthrough:///"+address, options...)
}
