package testnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

const askEvery = 25 * time.Millisecond

// Status is what `status -o json` says, as far as it is needed here.
type Status struct {
	State     string `json:"state"`
	Leader    string `json:"leader"`
	Cosigners []struct {
		Name    string `json:"name"`
		Ready   bool   `json:"ready"`
		Applied uint64 `json:"applied_index"`
	} `json:"cosigners"`
}

// Status asks the program for the cluster's status, as an operator does.
func (c *Cluster) Status(ctx context.Context) (Status, error) {
	cmd := exec.CommandContext(ctx, c.Binary, "status", "-o", "json", "--config", filepath.Join(c.Dir, operator, "operator.toml"))
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Status{}, fmt.Errorf("asking for the status: %w", err)
	}
	// The exit code says how well the cluster is; so does the output.
	var s Status
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return s, fmt.Errorf("reading the status: %w\n%s", err, errOut.Bytes())
	}
	return s, nil
}

// Ready waits until every cosigner is ready and one leads, or ctx ends. How the nodes are does not matter.
func (c *Cluster) Ready(ctx context.Context) (Status, error) {
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
	for {
		s, err := c.Status(ctx)
		if err == nil && wished(s) {
			return s, nil
		}
		if waitErr := Pause(ctx, askEvery); waitErr != nil {
			return s, fmt.Errorf("waiting for the cluster, which is %q (logs in %s): %w", s.State, c.Dir, errors.Join(waitErr, err))
		}
	}
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
