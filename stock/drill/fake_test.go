package drill

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pelletier/go-toml/v2"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/journal"
	"casper-cosigner/stock/node"
	"casper-cosigner/stock/units"
	"casper-cosigner/stock/units/unitstest"
)

// fake plays Zug's part as far as a drill sees it: a leader echoes, echoes of two thirds have
// everybody vote, votes of two thirds end the round. How it deals with its unit file, what stands
// behind its program says.
type fake struct {
	mode    string
	me      unitstest.Validator
	keys    []casper.PublicKey // by ascending key, as the indices are
	weights map[uint32]uint64
	wal     *os.File

	mu     sync.Mutex
	active bool
	round  uint32
	height int
	began  time.Time // of the round
	said   map[said]casper.Ballot
	sent   []casper.Ballot
	peers  []chan casper.Ballot
}

type said struct {
	round uint32
	kind  casper.Kind
	index uint32
}

// The ways of a fake.
const (
	sound     = "sound"     // writes, then sends
	swapped   = "swapped"   // sends, then writes
	reckless  = "reckless"  // does not care whether it could write
	impatient = "impatient" // waits for a write for half a second only
	layout    = "layout"    // has one more byte in an entry
	elsewhere = "elsewhere" // keeps its file in another folder
	forgetful = "forgetful" // does not write its votes
	trailer   = "\nfake: "
)

var fakeEra = unitstest.Instance("the era of a fake")

func fakeMode() string {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	_, mode, _ := bytes.Cut(self[len(self)-32:], []byte(trailer))
	return string(mode)
}

// runFake is a casper-node's main.
func runFake(config string) error {
	f := &fake{mode: fakeMode(), weights: map[uint32]uint64{}, active: true, said: map[said]casper.Ballot{},
		began: time.Now()}
	t, err := f.read(config)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", t.Get("network.bind_address").(string))
	if err != nil {
		return err
	}
	go f.accept(l)
	go f.dial(t.Get("network.known_addresses").([]any)[0].(string))
	http.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprintf(w, `{"last_added_block_info": {"height": %d}}`, f.height)
	})
	go func() { panic(http.ListenAndServe(t.Get("rest_server.address").(string), nil)) }()
	for range time.Tick(50 * time.Millisecond) {
		f.mu.Lock()
		f.update()
		f.mu.Unlock()
	}
	return nil
}

// read reads what a casper-node reads, and opens the unit file.
func (f *fake) read(config string) (node.Tree, error) {
	dir := filepath.Dir(config)
	text, err := os.ReadFile(config)
	if err != nil {
		return nil, err
	}
	t, err := node.ParseTOML(text)
	if err != nil {
		return nil, err
	}
	secret, err := os.ReadFile(filepath.Join(dir, t.Get("consensus.secret_key_path").(string)))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(secret)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	var all struct {
		Accounts []struct {
			Key       string `toml:"public_key"`
			Validator *struct {
				Bond string `toml:"bonded_amount"`
			}
		}
	}
	text, err = os.ReadFile(filepath.Join(dir, "accounts.toml"))
	if err == nil {
		err = toml.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, err
	}
	for _, a := range all.Accounts {
		if a.Validator != nil {
			k, err := casper.ParsePublicKey(a.Key)
			if err != nil {
				return nil, err
			}
			f.keys = append(f.keys, k)
		}
	}
	// The first has three quarters.
	heavy := f.keys[0]
	slices.SortFunc(f.keys, func(a, b casper.PublicKey) int { return bytes.Compare(a[:], b[:]) })
	for i, k := range f.keys {
		f.weights[uint32(i)] = 1
		if k == heavy {
			f.weights[uint32(i)] = 3
		}
	}
	private := key.(ed25519.PrivateKey)
	f.me = unitstest.Of(private, uint32(slices.Index(f.keys, node.Public(private))))
	return t, f.open(filepath.Join(t.Get("storage.path").(string), chainName, "unit_files"))
}

func (f *fake) open(folder string) error {
	if f.mode == elsewhere {
		folder = filepath.Join(filepath.Dir(folder), "zug")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	name := filepath.Join(folder, journal.FileName(fakeEra, f.me.Public()))
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for r := units.NewReader(bytes.NewReader(text)); ; {
		e, err := r.Next()
		if err != nil {
			break
		}
		f.keep(e.First.Ballot)
	}
	f.wal, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// keep takes a message into the state.
func (f *fake) keep(b casper.Ballot) { f.said[said{b.Round, b.Kind, b.Validator}] = b }

func (f *fake) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			for d := gob.NewDecoder(c); ; {
				var b casper.Ballot
				if d.Decode(&b) != nil {
					return
				}
				f.mu.Lock()
				if _, has := f.said[said{b.Round, b.Kind, b.Validator}]; !has {
					f.write(b)
					f.keep(b)
					f.update()
				}
				f.mu.Unlock()
			}
		}()
	}
}

// dial sends all of ours to the other one, and again when it was away.
func (f *fake) dial(to string) {
	for ; ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", to)
		if err != nil {
			continue
		}
		out := make(chan casper.Ballot, 1<<16)
		f.mu.Lock()
		for _, b := range f.sent {
			out <- b
		}
		f.peers = []chan casper.Ballot{out}
		f.mu.Unlock()
		for e := gob.NewEncoder(c); e.Encode(<-out) == nil; {
		}
		c.Close()
	}
}

func (f *fake) write(b casper.Ballot) error {
	entry := units.Append(nil, b)
	if f.mode == layout {
		entry = append(entry, 0)
		binary.LittleEndian.PutUint64(entry, uint64(len(entry)-8))
	}
	_, err := f.wal.Write(entry)
	return err
}

func (f *fake) send(b casper.Ballot) {
	f.sent = append(f.sent, b)
	for _, p := range f.peers {
		p <- b
	}
}

// say records a message of ours and sends it.
func (f *fake) say(b casper.Ballot) {
	if _, has := f.said[said{b.Round, b.Kind, b.Validator}]; has || !f.active {
		return
	}
	written := make(chan error, 1)
	switch {
	case f.mode == swapped:
		f.send(b)
		written <- f.write(b)
	case f.mode == forgetful && b.Kind == casper.KindVote:
		written <- nil
	case f.mode == impatient:
		go func() { written <- f.write(b) }()
		select {
		case err := <-written:
			written <- err
		case <-time.After(time.Second / 2):
			written <- nil
		}
	default:
		written <- f.write(b)
	}
	if err := <-written; err != nil && f.mode != reckless {
		f.active = false
		return
	}
	if f.mode != swapped {
		f.send(b)
	}
	f.keep(b)
}

// leader is the light one in every fourth round.
func (f *fake) leader() uint32 {
	heavy := uint32(0)
	if f.weights[1] == 3 {
		heavy = 1
	}
	if f.round%4 == 3 {
		return 1 - heavy
	}
	return heavy
}

func (f *fake) quorum(kind casper.Kind, value casper.Hash) bool {
	sum := uint64(0)
	for i := range f.keys {
		if b, has := f.said[said{f.round, kind, uint32(i)}]; has && b.Value == value {
			sum += f.weights[uint32(i)]
		}
	}
	return sum >= 3
}

// update does what is to be done in this round. The lock is the caller's.
func (f *fake) update() {
	yes := casper.Hash{1}
	if time.Since(f.began) < 100*time.Millisecond {
		return
	}
	if f.leader() == f.me.Index {
		var random [8]byte
		rand.Read(random[:])
		f.say(f.me.Echo(fakeEra, f.round, hex.EncodeToString(random[:])))
	}
	if e, has := f.said[said{f.round, casper.KindEcho, f.leader()}]; has {
		f.say(f.me.EchoOf(e))
		if f.quorum(casper.KindEcho, e.Value) {
			f.say(f.me.Vote(fakeEra, f.round, true))
		}
	} else if time.Since(f.began) > time.Second {
		f.say(f.me.Vote(fakeEra, f.round, false))
	}
	if f.quorum(casper.KindVote, yes) {
		f.height++
	} else if !f.quorum(casper.KindVote, casper.Hash{}) {
		return
	}
	f.round++
	f.began = time.Now()
}

// fakeProgram writes a program of that mode.
func fakeProgram(dir, mode string) (string, error) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", err
	}
	// The mode is looked for in the last bytes.
	text := append(self, []byte(strings.Repeat("\x00", 64)+trailer+mode)...)
	name := filepath.Join(dir, "casper-node-"+mode)
	return name, os.WriteFile(name, text, 0o755)
}
