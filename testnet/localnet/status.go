package localnet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"casper-cosigner/agent/health"
	"casper-cosigner/rule/casper"
)

// How nodes are asked over REST.
const (
	answerIn   = 5 * time.Second
	pollEvery  = 100 * time.Millisecond // the node answers 100 requests a second
	answerSize = 16 << 20
)

// Status is what a node says of itself at /status.
type Status struct {
	health.Status
	PublicKey *casper.PublicKey // that it signs with, nil if it has none yet
}

// Height is the height of the newest block, or -1 before the first.
func (s Status) Height() int64 {
	if s.LastBlock == nil {
		return -1
	}
	return int64(s.LastBlock.Height)
}

// Status asks the node for its status.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	text, err := n.get(ctx, "/status")
	if err != nil {
		return s, err
	}
	if s.Status, err = health.ParseStatus(text); err != nil {
		return s, fmt.Errorf("asking %s: %w", n.Name, err)
	}
	if s.Key != "" {
		key, err := casper.ParsePublicKey(s.Key)
		if err != nil {
			return s, fmt.Errorf("asking %s: %w", n.Name, err)
		}
		s.PublicKey = &key
	}
	return s, nil
}

// Await asks for the node's status until it is as wanted, and returns it. A node that does not
// answer is asked again.
func (n *Node) Await(ctx context.Context, wanted func(Status) bool) (Status, error) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	var last Status
	for {
		s, err := n.Status(ctx)
		if err == nil {
			if last = s; wanted(s) {
				return s, nil
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return last, fmt.Errorf("waiting for %s (%s at height %d, running %v): %w",
				n.Name, last.State, last.Height(), n.Running(), ctx.Err())
		}
	}
}

// ValidatorChange is one entry of /validator-changes: what happened to a validator's
// standing in an era.
type ValidatorChange struct {
	Validator casper.PublicKey
	Era       uint64
	Change    string // Added, Removed, Banned, CannotPropose, SeenAsFaulty (casper-types validator_change.rs)
}

// ValidatorChanges asks the node for the changes in the eras that it remembers.
func (n *Node) ValidatorChanges(ctx context.Context) ([]ValidatorChange, error) {
	text, err := n.get(ctx, "/validator-changes")
	if err != nil {
		return nil, err
	}
	var answer struct {
		Changes []struct {
			PublicKey casper.PublicKey `json:"public_key"`
			Changes   []struct {
				Era    uint64 `json:"era_id"`
				Change string `json:"validator_change"`
			} `json:"status_changes"`
		} `json:"changes"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("reading the validator changes of %s: %w", n.Name, err)
	}
	var changes []ValidatorChange
	for _, v := range answer.Changes {
		for _, c := range v.Changes {
			changes = append(changes, ValidatorChange{Validator: v.PublicKey, Era: c.Era, Change: c.Change})
		}
	}
	return changes, nil
}

// Metrics asks the node for its metrics, and returns the value of each by its name, with the
// labels if it has any.
func (n *Node) Metrics(ctx context.Context) (map[string]float64, error) {
	text, err := n.get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return parseMetrics(string(text))
}

func parseMetrics(text string) (map[string]float64, error) {
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if at < 0 {
			return nil, fmt.Errorf("reading metrics: %q", line)
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("reading metrics: %w", err)
		}
		values[line[:at]] = value
	}
	return values, nil
}

func (n *Node) get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.REST+path, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s for %s: %w", n.Name, path, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking %s for %s: %w", n.Name, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerSize))
	if err != nil {
		return nil, fmt.Errorf("asking %s for %s: %w", n.Name, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking %s for %s: %s", n.Name, path, response.Status)
	}
	return text, nil
}
