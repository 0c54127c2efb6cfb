package testnet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/units"
	"casper-cosigner/stock/units/unitstest"
)

// chainOf is what a stock node tells of its chain: where the era before ended, and by a peer's
// handshake which chainspec it runs with.
type chainOf struct {
	era       casper.Round
	validator casper.PublicKey
	peer      string
}

// serve serves /status and /events as a casper-node does, and a peer.
func (c *chainOf) serve(t *testing.T) (rest, events string) {
	t.Helper()
	c.peer = servePeer(t, c.era.Chainspec)
	handler := http.NewServeMux()
	handler.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"peers":[{"node_id":"tls:00..00","address":"127.0.0.1:1"},
			{"node_id":"tls:0b5c..91aa","address":%q}],"api_version":"2.0.3","build_version":"2.0.3",
			"reactor_state":"Validate","uptime":"1h","available_block_range":{"low":0,"high":9},
			"last_added_block_info":{"era_id":%d,"height":9,"hash":"%v"}}`, c.peer, c.era.Era-1, c.era.KeyBlock)
	})
	handler.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data:%s\n\ndata:%s\n\n", `{"ApiVersion":"2.0.3"}`,
			fmt.Sprintf(`{"BlockAdded":{"block_hash":"%v","block":{"Version2":{"header":{"era_id":%d,"era_end":`+
				`{"next_era_validator_weights":[{"validator":"00"},{"validator":"%v"}]}}}}}}`,
				c.era.KeyBlock, c.era.Era-1, c.validator))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	address := strings.TrimPrefix(server.URL, "http://")
	return address, address
}

// servePeer serves what a casper-node says to whoever connects, before it hears anything.
func servePeer(t *testing.T, chainspec casper.Hash) (address string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		SignatureAlgorithm: x509.ECDSAWithSHA512}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13,
		ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{own}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
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
	return l.Addr().String()
}

// stockNode does with its unit file what casper-node does, and nothing else.
type stockNode struct {
	t    *testing.T
	name string
	key  unitstest.Validator
	era  casper.Round
	file string
	gate *Process

	mu   sync.Mutex // guards what follows
	sent map[casper.Ballot]bool
	held map[slotOf]casper.Hash // what it read at its start, or wrote: it signs nothing else there
	open *os.File               // nil while it is deactivated
	died int                    // how often it was deactivated
}

// slotOf is a slot within one instance.
type slotOf struct {
	round uint32
	kind  casper.Kind
}

func at(b casper.Ballot) slotOf { return slotOf{b.Round, b.Kind} }

// start reads the unit file, as a node does before it signs anything, and opens it to be written.
func (n *stockNode) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = map[slotOf]casper.Hash{}
	entries, err := n.read(n.file)
	if err != nil {
		return err
	}
	for _, b := range entries {
		n.held[at(b)] = b.Value
	}
	n.open, err = os.OpenFile(n.file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// read returns the messages of ours in a unit file.
func (n *stockNode) read(path string) (own []casper.Ballot, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := units.NewReader(f)
	for {
		e, err := r.Next()
		if err != nil {
			return own, nil
		}
		if e.First.SignedBy(n.key.Public()) {
			own = append(own, e.First.Ballot)
		}
	}
}

// record signs and writes as Zug does, and sends what was written (zug.rs, record_entry). A
// BufWriter that could not write does it once more when it is dropped.
func (n *stockNode) record(b casper.Ballot, foreign ...casper.Ballot) (sent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if value, taken := n.held[at(b)]; n.open == nil || taken && value != b.Value {
		return false
	}
	var text []byte
	for _, f := range foreign {
		text = append(text, unitstest.Entry(f)...)
	}
	text = append(text, unitstest.Entry(b)...)
	if _, err := n.open.Write(text); err != nil {
		if _, err := n.open.Write(text); err == nil {
			n.t.Errorf("%s: the second write of %v was taken, the first was not", n.name, b)
		}
		n.open.Close()
		n.open, n.died = nil, n.died+1
		return false
	}
	n.held[at(b)], n.sent[b] = b.Value, true
	return true
}

// active reports whether it votes.
func (n *stockNode) active() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open != nil
}

// stored is what of ours lies in the gate's folder.
func (n *stockNode) stored(c *Cluster) []casper.Ballot {
	n.t.Helper()
	own, err := n.read(filepath.Join(c.GateFolder(n.name), journal.FileName(n.era.Instance(), n.key.Public())))
	if err != nil {
		n.t.Fatal(err)
	}
	return own
}
