package node

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/blake2b"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// status is the answer of /status (casper-node types/status_feed.rs, GetStatusResult), with
// all its fields.
type status struct {
	Peers         []peerJSON       `json:"peers"`
	API           string           `json:"api_version"`
	Build         string           `json:"build_version"`
	Chain         string           `json:"chainspec_name"`
	StartingState casper.Hash      `json:"starting_state_root_hash"`
	LastBlock     *lastBlockJSON   `json:"last_added_block_info"`
	Key           casper.PublicKey `json:"our_public_signing_key"`
	RoundLength   *string          `json:"round_length"`
	NextUpgrade   *nextUpgradeJSON `json:"next_upgrade"`
	Uptime        string           `json:"uptime"`
	Reactor       string           `json:"reactor_state"`
	LastProgress  string           `json:"last_progress"`
	Available     struct {
		Low  uint64 `json:"low"`
		High uint64 `json:"high"`
	} `json:"available_block_range"`
	Sync struct {
		Historical *string `json:"historical"`
		Forward    *string `json:"forward"`
	} `json:"block_sync"`
	SwitchBlock *casper.Hash `json:"latest_switch_block_hash"`
}

type peerJSON struct {
	ID      string `json:"node_id"`
	Address string `json:"address"`
}

type lastBlockJSON struct {
	Hash      casper.Hash      `json:"hash"`
	Timestamp string           `json:"timestamp"`
	Era       uint64           `json:"era_id"`
	Height    uint64           `json:"height"`
	State     casper.Hash      `json:"state_root_hash"`
	Creator   casper.PublicKey `json:"creator"`
}

type nextUpgradeJSON struct {
	Activation uint64 `json:"activation_point"`
	Version    string `json:"protocol_version"`
}

// The reactor's states that the model does not know.
const shutdownForUpgrade = "ShutdownForUpgrade"

// goneAfter is how long a peer counts as connected after it was heard last.
const goneAfter = 5 * time.Second

// rest serves /status.
func (n *Node) rest() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		var s status
		if !n.loop.Do(func() { s = n.status(time.Now()) }) {
			http.Error(w, "the node ends", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s) //nolint:errcheck // whoever asked is gone
	})
	return mux
}

// status is a step of the loop.
func (n *Node) status(now time.Time) status {
	z := n.player.Node.Status()
	s := status{Peers: []peerJSON{}, API: n.version, Build: n.version + "-simulated", Chain: n.chain.Name,
		StartingState: standsFor("state"), Key: n.Validator, Uptime: formatDuration(now.Sub(n.started)),
		Reactor: string(z.Reactor), LastProgress: formatTime(n.progress)}
	for peer, at := range n.heard {
		if now.Sub(at) < goneAfter {
			id := standsFor(fmt.Sprint("peer", peer))
			s.Peers = append(s.Peers, peerJSON{ID: "tls:" + hex.EncodeToString(append(id[:], id[:]...)), Address: n.Hub})
		}
	}
	b := z.Tip
	s.Available.High = b.Height
	s.LastBlock = &lastBlockJSON{Hash: b.Hash, Timestamp: formatTime(time.UnixMilli(b.At)), Era: b.Era, Height: b.Height,
		State: standsFor("state"), Creator: n.Validator}
	if b, ok := n.player.Node.Block(b.Height / n.chain.EraBlocks * n.chain.EraBlocks); ok {
		s.SwitchBlock = &b.Hash
	}
	if n.staged != nil {
		s.NextUpgrade = &nextUpgradeJSON{Activation: n.staged.Era, Version: n.staged.Version}
	}
	switch {
	case n.leaving:
		s.Reactor = shutdownForUpgrade
	case z.Reactor == zug.Validate:
		length := formatDuration(n.chain.Block)
		s.RoundLength = &length
	}
	return s
}

// standsFor returns a hash of something that the model has not.
func standsFor(what string) casper.Hash { return blake2b.Sum256([]byte(what)) }

// formatTime writes a time as casper-types does (timestamp.rs).
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// formatDuration writes a duration as Rust's humantime does: 5days 13h 46m 54s 520ms.
func formatDuration(d time.Duration) string {
	var parts []string
	left := d.Milliseconds()
	for _, unit := range []struct {
		ms        int64
		one, many string
	}{{86_400_000, "day", "days"}, {3_600_000, "h", "h"}, {60_000, "m", "m"}, {1000, "s", "s"}, {1, "ms", "ms"}} {
		count := left / unit.ms
		left %= unit.ms
		switch {
		case count == 1:
			parts = append(parts, fmt.Sprint(count, unit.one))
		case count > 1:
			parts = append(parts, fmt.Sprint(count, unit.many))
		}
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}
