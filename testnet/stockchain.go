package testnet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"casper-cosigner/rule/casper"
)

// StockChain is the chain of which stock nodes tell that are not there: when its eras end, and by a
// peer's handshake which chainspec it runs with. ServeChain makes one.
type StockChain struct {
	validator casper.PublicKey
	peer      net.Listener

	mu      sync.Mutex // guards what follows
	era     casper.Round
	ended   chan struct{} // closed when the next era begins
	servers []*http.Server
}

// ServeChain returns a chain that is in an era, of which the validator is one of two.
func ServeChain(era casper.Round, validator casper.PublicKey) (*StockChain, error) {
	peer, err := servePeer(era.Chainspec)
	if err != nil {
		return nil, fmt.Errorf("serving a peer's handshake: %w", err)
	}
	return &StockChain{validator: validator, peer: peer, era: era, ended: make(chan struct{})}, nil
}

// Close ends all that it serves.
func (c *StockChain) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.peer.Close()
	for _, s := range c.servers {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Era is the one that the chain is in.
func (c *StockChain) Era() casper.Round {
	era, _ := c.now()
	return era
}

func (c *StockChain) now() (casper.Round, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.era, c.ended
}

// Next begins the next era, and returns it.
func (c *StockChain) Next() casper.Round {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era.Era++
	c.era.KeyBlock = casper.ChainNameHash(fmt.Sprint("last block before era ", c.era.Era))
	close(c.ended)
	c.ended = make(chan struct{})
	return c.era
}

// Node serves /status and /events as a casper-node does, at one address.
func (c *StockChain) Node() (address string, err error) {
	handler := http.NewServeMux()
	handler.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		era := c.Era()
		fmt.Fprintf(w, `{"peers":[{"node_id":"tls:00..00","address":"127.0.0.1:1"},
			{"node_id":"tls:0b5c..91aa","address":%q}],"api_version":"2.0.3","build_version":"2.0.3",
			"reactor_state":"Validate","uptime":"1h","available_block_range":{"low":0,"high":9},
			"last_added_block_info":{"era_id":%d,"height":9,"hash":"%v"}}`, c.peer.Addr(), era.Era-1, era.KeyBlock)
	})
	handler.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data:%s\n\n", `{"ApiVersion":"2.0.3"}`)
		for r.Context().Err() == nil {
			era, ended := c.now()
			fmt.Fprintf(w, "data:%s\n\n", fmt.Sprintf(
				`{"BlockAdded":{"block_hash":"%v","block":{"Version2":{"header":{"era_id":%d,"era_end":`+
					`{"next_era_validator_weights":[{"validator":"00"},{"validator":"%v"}]}}}}}}`,
				era.KeyBlock, era.Era-1, c.validator))
			w.(http.Flusher).Flush()
			select {
			case <-ended:
			case <-r.Context().Done():
			}
		}
	})
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", Loopback(0))
	if err != nil {
		return "", fmt.Errorf("serving a node's REST: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go server.Serve(l) //nolint:errcheck // ended by Close
	c.mu.Lock()
	defer c.mu.Unlock()
	c.servers = append(c.servers, server)
	return l.Addr().String(), nil
}

// servePeer serves what a casper-node says to whoever connects, before it hears anything.
func servePeer(chainspec casper.Hash) (net.Listener, error) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour),
		SignatureAlgorithm: x509.ECDSAWithSHA512}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	l, err := tls.Listen("tcp", Loopback(0), &tls.Config{MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{own}})
	if err != nil {
		return nil, err
	}
	text := append([]byte("\x81\x00\x96\xabcasper-test\xd9\x40"), chainspec.String()...)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
			}()
		}
	}()
	return l, nil
}
