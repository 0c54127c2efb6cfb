// Package cluster is the cluster file and what it proves: who the cosigners, nodes and operators
// are, and under which Ed25519 keys.
//
// The file is the same on every host. It promises that only a registered key, on a certificate of
// the cluster's own authority, is taken for a member, and that a request is taken for a node's only
// when that node's key signed it. What a member may then ask for is decided by whoever serves it.
package cluster

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
)

// Role is what a member is.
type Role string

// The roles.
const (
	Cosigner Role = "cosigner" // holds a share
	Node     Role = "node"     // an agent beside a casper-node; its key is the node's failover key
	Operator Role = "operator" // administers
)

// Limits of a cluster, those of the split (keygen) among them.
const (
	minCosigners = 3
	maxCosigners = 15
	maxNodes     = 8
	maxGrace     = 125 * time.Millisecond
)

// File is the cluster file.
type File struct {
	ID            Key              `toml:"id" comment:"random, 16 bytes in hex"`
	Chain         string           `toml:"chain" comment:"chain name, as in the chainspec"`
	Validator     casper.PublicKey `toml:"validator" comment:"the validator's public key, as casper-node writes it"`
	Threshold     int              `toml:"threshold" comment:"cosigners needed for a signature"`
	Main          string           `toml:"main" comment:"the node that is active first"`
	MinEraTime    Duration         `toml:"min_era_time" comment:"least duration of an era, from the chainspec: era_duration"`
	MinBlockTime  Duration         `toml:"min_block_time" comment:"least time between blocks, from the chainspec: minimum_block_time"`
	Grace         Duration         `toml:"grace" comment:"how long a standby's claim waits for the main's, at most half the node's deadline"`
	Timing        string           `toml:"timing" comment:"measured: timers follow the distances between the cosigners; or fixed: lan, region up to 100 ms, wan up to 200 ms"`
	WitnessWait   Duration         `toml:"witness_wait,omitempty" comment:"how long a starting cosigner waits for agents"`
	CACertificate string           `toml:"ca_certificate,multiline" comment:"the authority that signed the members' certificates"`
	Failover      Failover         `toml:"failover" comment:"when another node becomes the active one, and when main is again"`
	Cosigners     []CosignerEntry  `toml:"cosigner"`
	Nodes         []NodeEntry      `toml:"node"`
	Operators     []Entry          `toml:"operator"`
	Retired       []RetiredEntry   `toml:"retired,omitempty" comment:"nodes' earlier keys: what they claimed can still be finished"`

	hash [32]byte
	pool *x509.CertPool
}

// Failover is the settings of pings, failover and return to main.
type Failover struct {
	Policy        string   `toml:"failover" comment:"auto; confirm: propose, an operator promotes; manual: only tell"`
	Return        string   `toml:"failback" comment:"auto: main becomes active again by itself; manual: it does not"`
	PingInterval  Duration `toml:"ping_interval" comment:"between two pings of an agent to each other member"`
	PingTimeout   Duration `toml:"ping_timeout" comment:"how long a ping's answer may take"`
	After         Duration `toml:"failover_after" comment:"how long the active node must be unresponsive, stuck or behind"`
	FailbackAfter Duration `toml:"failback_after" comment:"how long main must be ready; each return within an hour doubles it"`
	Standby       string   `toml:"standby,omitempty" comment:"of stock nodes. passive: one votes; hot: all do"`
	Rearm         string   `toml:"rearm,omitempty" comment:"of stock nodes that cannot vote. auto: restart; manual: tell"`
}

// DefaultFailover suits a chain with blocks of 8 s.
func DefaultFailover() Failover {
	return Failover{Policy: "auto", Return: "auto",
		PingInterval: Duration(time.Second), PingTimeout: Duration(500 * time.Millisecond),
		After: Duration(10 * time.Second), FailbackAfter: Duration(5 * time.Minute)}
}

// Entry is an operator.
type Entry struct {
	Name string `toml:"name"`
	Key  Key    `toml:"key" comment:"Ed25519 public key, hex"`
}

// NodeEntry is a node: a casper-node with its agent.
type NodeEntry struct {
	Name    string `toml:"name"`
	Key     Key    `toml:"key" comment:"Ed25519 public key of its agent, hex: the node's failover key"`
	Address string `toml:"address" comment:"where the other agents ping its agent"`
	Stock   bool   `toml:"stock,omitempty" comment:"it holds the validator's key and signs itself, behind a gate"`
	Custody string `toml:"custody,omitempty" comment:"cosigners: they keep its key and give it at each start"`
}

// CosignerEntry is a cosigner.
type CosignerEntry struct {
	Name           string `toml:"name"`
	Key            Key    `toml:"key" comment:"Ed25519 public key, hex"`
	Share          int    `toml:"share" comment:"number of its share, from 1"`
	ShareRecipient string `toml:"share_recipient,omitempty" comment:"age recipient that keygen split encrypts the share to"`
	Address        string `toml:"address" comment:"for agents and the other cosigners"`
	RaftAddress    string `toml:"raft_address" comment:"for the other cosigners"`
	AdminAddress   string `toml:"admin_address" comment:"for operators"`
}

// Member is an entry of any role.
type Member struct {
	Name string
	Role Role
	Key  Key
}

// Key is bytes that are written in lower-case hex: an Ed25519 public key, or the cluster's id.
type Key []byte

// MarshalText writes hex.
func (k Key) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(k)), nil }

// UnmarshalText reads hex.
func (k *Key) UnmarshalText(b []byte) (err error) {
	*k, err = hex.DecodeString(string(b))
	return err
}

// Duration is written as Go writes durations: "8s", "2h0m0s".
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Parse reads a cluster file. Its error lists every fault found.
func Parse(text []byte) (*File, error) {
	f := &File{}
	if err := DecodeTOML(text, f); err != nil {
		return nil, fmt.Errorf("reading cluster file: %w", err)
	}
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("cluster file: %w", err)
	}
	f.hash = blake2b.Sum256(text)
	f.pool = x509.NewCertPool()
	f.pool.AppendCertsFromPEM([]byte(f.CACertificate))
	return f, nil
}

// DecodeTOML decodes strictly: an unknown key is an error that names it and its line.
func DecodeTOML(text []byte, into any) error {
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(into)
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		return fmt.Errorf("unknown keys:\n%s", strict.String())
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		return fmt.Errorf("%w:\n%s", err, decode.String())
	}
	return err
}

var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Validate returns every fault of the file, joined.
func (f *File) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(f.ID) != 16 {
		fault("id: want 16 bytes in hex, got %d", len(f.ID))
	}
	if f.Chain == "" {
		fault("chain: missing; it is the name in the chainspec, such as casper or casper-test")
	}
	if n := len(f.Cosigners); n < minCosigners || n > maxCosigners {
		fault("cosigner: want %d to %d, got %d", minCosigners, maxCosigners, n)
	} else if f.Threshold < LeastThreshold(n) || f.Threshold > n {
		fault("threshold: %d of %d; it must be more than half, or two halves could sign two values", f.Threshold, n)
	}
	if n := len(f.Nodes); n < 1 || n > maxNodes {
		fault("node: want 1 to %d, got %d", maxNodes, n)
	}
	if !slices.ContainsFunc(f.Nodes, func(e NodeEntry) bool { return e.Name == f.Main }) {
		fault("main: %q is not one of the nodes", f.Main)
	}
	if f.MinEraTime < f.MinBlockTime || time.Duration(f.MinBlockTime) < 10*time.Millisecond {
		fault("min_era_time, min_block_time: want an era of at least a block and a block of at least 10ms, got %v and %v",
			time.Duration(f.MinEraTime), time.Duration(f.MinBlockTime))
	}
	if g := time.Duration(f.Grace); g < 0 || g > maxGrace {
		fault("grace: want 0 to %v, half of what a node waits for an echo or a vote, got %v", maxGrace, g)
	}
	if !slices.Contains([]string{"measured", "lan", "region", "wan"}, f.Timing) {
		fault("timing: want measured, lan, region or wan, got %q", f.Timing)
	}
	faults = append(faults, f.waitFaults()...)
	faults = append(faults, f.Failover.faults()...)
	faults = append(faults, f.Failover.stockFaults()...)
	if block, _ := pem.Decode([]byte(f.CACertificate)); block == nil {
		fault("ca_certificate: not a PEM certificate")
	} else if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		fault("ca_certificate: %w", err)
	}
	faults = append(faults, f.memberFaults()...)
	faults = append(faults, f.custodyFaults()...)
	faults = append(faults, f.addressFaults()...)
	return errors.Join(faults...)
}

// pingsToJudge is how many pings in a row must be lost before a node is judged: never one.
const pingsToJudge = 3

func (f Failover) faults() (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if !slices.Contains([]string{"auto", "confirm", "manual"}, f.Policy) {
		fault("failover.failover: want auto, confirm or manual, got %q", f.Policy)
	}
	if !slices.Contains([]string{"auto", "manual"}, f.Return) {
		fault("failover.failback: want auto or manual, got %q", f.Return)
	}
	interval, timeout := time.Duration(f.PingInterval), time.Duration(f.PingTimeout)
	after, failback := time.Duration(f.After), time.Duration(f.FailbackAfter)
	if interval < 10*time.Millisecond || interval > time.Minute {
		fault("failover.ping_interval: want 10ms to 1m, got %v", interval)
	}
	if timeout <= 0 || timeout > interval {
		fault("failover.ping_timeout: want more than 0 and at most ping_interval, %v, got %v", interval, timeout)
	}
	if after < pingsToJudge*interval {
		fault("failover.failover_after: want at least %d times ping_interval, %v, got %v",
			pingsToJudge, pingsToJudge*interval, after)
	}
	if failback < after {
		fault("failover.failback_after: want at least failover_after, %v, got %v", after, failback)
	}
	return faults
}

func (f *File) memberFaults() (faults []error) {
	names, keys := map[string]bool{}, map[string]string{}
	for m := range f.members() {
		if !nameRule.MatchString(m.Name) {
			faults = append(faults, fmt.Errorf("%s %q: want a name of lower-case letters, digits and dashes", m.Role, m.Name))
		}
		if names[m.Name] {
			faults = append(faults, fmt.Errorf("%s %q: the name is used twice", m.Role, m.Name))
		}
		names[m.Name] = true
		if len(m.Key) != ed25519.PublicKeySize {
			faults = append(faults, fmt.Errorf("%s %q: want an Ed25519 key of 32 bytes, got %d", m.Role, m.Name, len(m.Key)))
		} else if other, ok := keys[string(m.Key)]; ok {
			faults = append(faults, fmt.Errorf("%s %q: has the key of %q", m.Role, m.Name, other))
		}
		keys[string(m.Key)] = m.Name
	}
	for _, e := range f.Retired {
		if len(e.Key) != ed25519.PublicKeySize || keys[string(e.Key)] != "" {
			faults = append(faults, fmt.Errorf("retired %q: want an Ed25519 key of 32 bytes that no member has any more",
				e.Name))
		}
	}
	return faults
}

func (f *File) addressFaults() (faults []error) {
	shares, addresses := map[int]bool{}, map[string]bool{}
	for _, n := range f.Nodes {
		if _, port, err := net.SplitHostPort(n.Address); err != nil || port == "" {
			faults = append(faults, fmt.Errorf("node %q: %q is not host:port", n.Name, n.Address))
		} else if addresses[n.Address] {
			faults = append(faults, fmt.Errorf("node %q: address %s is used twice", n.Name, n.Address))
		}
		addresses[n.Address] = true
	}
	for _, c := range f.Cosigners {
		if c.Share < 1 || c.Share > len(f.Cosigners) || shares[c.Share] {
			faults = append(faults, fmt.Errorf("cosigner %q: share %d; want each of 1 to %d once",
				c.Name, c.Share, len(f.Cosigners)))
		}
		shares[c.Share] = true
		for _, a := range []string{c.Address, c.RaftAddress, c.AdminAddress} {
			if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
				faults = append(faults, fmt.Errorf("cosigner %q: %q is not host:port", c.Name, a))
			} else if addresses[a] {
				faults = append(faults, fmt.Errorf("cosigner %q: address %s is used twice", c.Name, a))
			}
			addresses[a] = true
		}
	}
	return faults
}

// LeastThreshold is the smallest threshold of so many cosigners: more than half of them.
func LeastThreshold(cosigners int) int { return cosigners/2 + 1 }

// MayBeLost is how many cosigners can be gone with the others still able to sign.
func (f *File) MayBeLost() int { return len(f.Cosigners) - f.Threshold }

// MayBeStolen is how many cosigners can be in an attacker's hands with no slot getting two values:
// two thresholds of cosigners have at least one more in common.
func (f *File) MayBeStolen() int { return max(0, 2*f.Threshold-len(f.Cosigners)-1) }

// Encode writes the file with a comment on each setting.
func (f *File) Encode() ([]byte, error) {
	var b strings.Builder
	b.WriteString("# casper-cosigner cluster file. It is the same on every host; `status` says when one differs.\n\n")
	if err := toml.NewEncoder(&b).Encode(f); err != nil {
		return nil, fmt.Errorf("writing cluster file: %w", err)
	}
	return []byte(b.String()), nil
}

// Hash is the BLAKE2b-256 of the file's text, by which drift between hosts is seen.
func (f *File) Hash() [32]byte { return f.hash }

// members yields every entry.
func (f *File) members() func(func(Member) bool) {
	return func(yield func(Member) bool) {
		for _, c := range f.Cosigners {
			if !yield(Member{Name: c.Name, Role: Cosigner, Key: c.Key}) {
				return
			}
		}
		for _, e := range f.Nodes {
			if !yield(Member{Name: e.Name, Role: Node, Key: e.Key}) {
				return
			}
		}
		for _, e := range f.Operators {
			if !yield(Member{Name: e.Name, Role: Operator, Key: e.Key}) {
				return
			}
		}
	}
}

// Member returns the member of that name.
func (f *File) Member(name string) (Member, bool) {
	for m := range f.members() {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Cosigner returns the cosigner of that name.
func (f *File) Cosigner(name string) (CosignerEntry, bool) {
	i := slices.IndexFunc(f.Cosigners, func(c CosignerEntry) bool { return c.Name == name })
	if i < 0 {
		return CosignerEntry{}, false
	}
	return f.Cosigners[i], true
}

// Node returns the node of that name.
func (f *File) Node(name string) (NodeEntry, bool) {
	i := slices.IndexFunc(f.Nodes, func(n NodeEntry) bool { return n.Name == name })
	if i < 0 {
		return NodeEntry{}, false
	}
	return f.Nodes[i], true
}

// byKey returns the member that the key is registered for.
func (f *File) byKey(key ed25519.PublicKey) (Member, bool) {
	for m := range f.members() {
		if bytes.Equal(m.Key, key) {
			return m, true
		}
	}
	return Member{}, false
}
