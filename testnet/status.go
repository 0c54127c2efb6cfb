package testnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// askEvery is rare enough that asking, a process each time, does not take the machine's time.
const askEvery = 100 * time.Millisecond

// Status is what `status -o json` says, as far as it is needed here.
type Status struct {
	State     string   `json:"state"`
	Leader    string   `json:"leader"`
	Problems  []string `json:"problems"`
	Cosigners []struct {
		Name    string `json:"name"`
		Ready   bool   `json:"ready"`
		Applied uint64 `json:"applied_index"`
		// HeldBack is why it gives no share until an operator looks into it.
		HeldBack string `json:"held_back"`
	} `json:"cosigners"`
}

// Status asks the program for the cluster's status, as an operator does.
func (c *Cluster) Status(ctx context.Context) (s Status, err error) {
	err = c.Ask(ctx, &s, "status")
	return s, err
}

// Ask runs an operator's command and reads its JSON. The exit code says how well the cluster is; so
// does the output.
func (c *Cluster) Ask(ctx context.Context, into any, args ...string) error {
	cmd := exec.CommandContext(ctx, c.Binary, c.operating(append(args, "-o", "json")...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("asking for %s: %w", strings.Join(args, " "), err)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("reading %s: %w\n%s", strings.Join(args, " "), err, errOut.Bytes())
	}
	return nil
}

// operating are the arguments of an operator's command.
func (c *Cluster) operating(args ...string) []string {
	return append(args, "--config", filepath.Join(c.Dir, operator, "operator.toml"))
}

// Ready waits until every cosigner is ready and one leads, for at most the given time. How the
// nodes are does not matter.
func (c *Cluster) Ready(ctx context.Context, within time.Duration) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.Await(ctx, func(s Status) bool {
		for _, cosigner := range s.Cosigners {
			if !cosigner.Ready {
				return false
			}
		}
		return s.Leader != ""
	})
}

// Await asks for the status until it is as wished, or ctx ends.
func (c *Cluster) Await(ctx context.Context, wished func(Status) bool) (Status, error) {
	s, err := await(ctx, c.Status, wished)
	if err != nil {
		return s, fmt.Errorf("waiting for the cluster, which is %q (logs in %s): %w", s.State, c.Dir, err)
	}
	return s, nil
}

// Pause waits between two questions; it fails when ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
