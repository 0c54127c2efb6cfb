package health

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"casper-cosigner/rule/casper"
	"casper-cosigner/rule/failover"
)

// nameSize is the most that a state, a version or a key may be, in bytes. They are told
// in every ping.
const nameSize = 128

// mostPeers are so many addresses as are kept of an answer, in which they stand in an order that
// peers can choose: so all that a node of a large network has.
const mostPeers = 1024

// Status is what a node says of itself at /status (casper-node types/status_feed.rs), as far as it
// is of use here.
type Status struct {
	Build       string         // of the program: version, commit and what the patch adds
	Version     string         // of the protocol
	Chain       string         // its name, empty if it is not told
	State       string         // of the reactor: Validate, CatchUp and so on
	Key         string         // that it signs with, as Casper writes it; empty if it has none yet
	LastBlock   *Block         // nil before the first
	RoundLength *time.Duration // nil while no era is open, so while it does not vote
	UpgradeEra  *uint64        // at which the next protocol version begins; nil if none is staged
	Uptime      time.Duration  // of the process
	Lowest      uint64         // height of the blocks that it has up to the highest without a gap
	Highest     uint64
	Peers       int
	Addresses   []string // of them
	SwitchBlock string   // hash of the newest block that ended an era, empty if it is not told
}

// known returns what is kept and told of an answer that came now.
func (s Status) known(now time.Time) failover.Status {
	known := failover.Status{At: now, Reactor: s.State, Lowest: s.Lowest, Key: s.Key, Peers: uint32(s.Peers),
		Version: s.Build}
	if b := s.LastBlock; b != nil {
		known.Era, known.Height = b.Era, b.Height
	}
	if s.RoundLength != nil {
		known.Round = *s.RoundLength
	}
	if s.UpgradeEra != nil {
		known.UpgradeEra = *s.UpgradeEra
	}
	return known
}

// Block is a place on the chain.
type Block struct {
	Era    uint64
	Height uint64
	Hash   string    // empty if it is not told
	At     time.Time // its own; zero if it is not told
}

// statusJSON has pointers where absence would otherwise pass for zero.
type statusJSON struct {
	Build     *string `json:"build_version"`
	Version   *string `json:"api_version"`
	Chain     string  `json:"chainspec_name"`
	State     *string `json:"reactor_state"`
	Key       *string `json:"our_public_signing_key"`
	LastBlock *struct {
		Era    *uint64 `json:"era_id"`
		Height *uint64 `json:"height"`
		Hash   string  `json:"hash"`
		At     string  `json:"timestamp"`
	} `json:"last_added_block_info"`
	RoundLength *string `json:"round_length"`
	NextUpgrade *struct {
		Activation json.RawMessage `json:"activation_point"`
	} `json:"next_upgrade"`
	Uptime    *string `json:"uptime"`
	Available *struct {
		Low  *uint64 `json:"low"`
		High *uint64 `json:"high"`
	} `json:"available_block_range"`
	Peers []struct {
		Address string `json:"address"`
	} `json:"peers"`
	SwitchBlock string `json:"latest_switch_block_hash"`
}

// ParseStatus reads an answer of /status. What a judgement may rest on must be there and
// well-formed; fields that it does not know are passed over, since versions of
// casper-node add some.
func ParseStatus(text []byte) (Status, error) {
	var raw statusJSON
	if err := json.Unmarshal(text, &raw); err != nil {
		return Status{}, fmt.Errorf("reading /status: %w", err)
	}
	s, err := raw.status()
	if err != nil {
		return Status{}, fmt.Errorf("reading /status: %w", err)
	}
	return s, nil
}

func (raw statusJSON) status() (s Status, err error) {
	if missing := raw.missing(); len(missing) > 0 {
		return s, fmt.Errorf("it lacks %s; is it casper-node's?", strings.Join(missing, ", "))
	}
	s = Status{Build: *raw.Build, Version: *raw.Version, State: *raw.State, Lowest: *raw.Available.Low,
		Highest: *raw.Available.High, Peers: len(raw.Peers), Chain: raw.Chain, SwitchBlock: raw.SwitchBlock}
	if len(s.Build) > nameSize || len(s.Version) > nameSize || len(s.State) > nameSize {
		return s, fmt.Errorf("the name of a state or version has more than %d bytes", nameSize)
	}
	for _, p := range raw.Peers[:min(len(raw.Peers), mostPeers)] {
		if len(p.Address) <= nameSize {
			s.Addresses = append(s.Addresses, p.Address)
		}
	}
	if b := raw.LastBlock; b != nil {
		at, _ := time.Parse(time.RFC3339, b.At) // zero if it is not one: no judgement of roles rests on it
		s.LastBlock = &Block{Era: *b.Era, Height: *b.Height, Hash: b.Hash, At: at}
	}
	if raw.Key != nil {
		if s.Key, err = publicKey(*raw.Key); err != nil {
			return s, err
		}
	}
	if s.Uptime, err = ParseDuration(*raw.Uptime); err != nil {
		return s, err
	}
	if raw.RoundLength != nil {
		length, err := ParseDuration(*raw.RoundLength)
		if err != nil {
			return s, err
		}
		s.RoundLength = &length
	}
	if raw.NextUpgrade != nil {
		s.UpgradeEra, err = activation(raw.NextUpgrade.Activation)
	}
	return s, err
}

// missing names the fields that must be there and are not.
func (raw statusJSON) missing() (names []string) {
	must := func(name string, there bool) {
		if !there {
			names = append(names, name)
		}
	}
	must("build_version", raw.Build != nil)
	must("api_version", raw.Version != nil)
	must("reactor_state", raw.State != nil && *raw.State != "")
	must("uptime", raw.Uptime != nil)
	must("available_block_range", raw.Available != nil && raw.Available.Low != nil && raw.Available.High != nil)
	if b := raw.LastBlock; b != nil {
		must("last_added_block_info.era_id", b.Era != nil)
		must("last_added_block_info.height", b.Height != nil)
	}
	return names
}

// publicKey checks the form of a key. One of Casper's other algorithm is well-formed: that the node
// signs with a key which is not ours is worth telling.
func publicKey(text string) (string, error) {
	_, err := casper.ParsePublicKey(text)
	if errors.Is(err, casper.ErrSecp256k1) && len(text) == 2+2*33 && strings.Trim(text, "0123456789abcdef") == "" {
		return text, nil
	}
	return text, err
}

// activation reads the point at which a version begins (casper-types
// chainspec/activation_point.rs): the number of an era, or a time, which only a genesis has and for
// which it returns nil.
func activation(text json.RawMessage) (*uint64, error) {
	var err error
	if bytes.HasPrefix(text, []byte(`"`)) {
		var at time.Time
		if err = json.Unmarshal(text, &at); err == nil {
			return nil, nil
		}
	} else {
		var era *uint64
		if err = json.Unmarshal(text, &era); err == nil && era != nil {
			return era, nil
		}
	}
	return nil, fmt.Errorf("the next upgrade's activation_point is neither an era nor a time: %q",
		printable(string(text), nameSize))
}

// printable returns the text as a message of Protocol Buffers and a log can hold it: valid UTF-8,
// at most size bytes.
func printable(text string, size int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}
