package testnet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Roles are what `failover status -o json` says, as far as it is needed here.
type Roles struct {
	Mode      string `json:"mode"`
	Active    string `json:"active"`
	Epoch     uint64 `json:"epoch"`
	Judgement struct {
		Code string `json:"code"`
		Why  string `json:"why"`
	} `json:"judgement"`
	Nodes []NodeRole `json:"nodes"`
}

// NodeRole is how the cosigners see a node.
type NodeRole struct {
	Name      string `json:"name"`
	Ready     bool   `json:"ready"`
	Condition string `json:"condition"`
	Why       string `json:"why"`
}

// Ready reports whether all these nodes are.
func (r Roles) Ready(names ...string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(r.Nodes, func(n NodeRole) bool { return n.Ready && n.Name == name }) {
			return false
		}
	}
	return true
}

// Change is one entry of `failover history -o json`.
type Change struct {
	Epoch   uint64    `json:"epoch"`
	At      time.Time `json:"at"`
	What    string    `json:"what"`
	Subject string    `json:"subject"`
	Cause   string    `json:"cause"`
	Reason  string    `json:"reason"`
}

// Failover runs a change of roles as an operator does: `failover ARGS`.
func (c *Cluster) Failover(ctx context.Context, args ...string) error {
	return c.Command(ctx, c.operating(append([]string{"failover"}, args...)...)...)
}

// Operate is Failover again and again while it is refused, until ctx ends: no cosigner
// may lead just now.
func (c *Cluster) Operate(ctx context.Context, args ...string) error {
	for {
		err := c.Failover(ctx, args...)
		if err == nil || Pause(ctx, askEvery) != nil {
			return err
		}
	}
}

// Roles asks the program for mode, active node and what the cosigners judge of the nodes.
func (c *Cluster) Roles(ctx context.Context) (r Roles, err error) {
	err = c.Ask(ctx, &r, "failover", "status")
	return r, err
}

// Changes asks the program for the last changes of the roles, oldest first.
func (c *Cluster) Changes(ctx context.Context) ([]Change, error) {
	var h struct {
		Changes []Change `json:"changes"`
	}
	err := c.Ask(ctx, &h, "failover", "history")
	return h.Changes, err
}

// AwaitRoles asks until the roles are as wished, or ctx ends.
func (c *Cluster) AwaitRoles(ctx context.Context, wished func(Roles) bool) (Roles, error) {
	return await(ctx, c.Roles, wished)
}

// AwaitActive waits until the log makes the node active later than the given time, or ctx ends.
func (c *Cluster) AwaitActive(ctx context.Context, node string, after time.Time) (Change, error) {
	made := func(c Change) bool { return c.What == "activate" && c.Subject == node && c.At.After(after) }
	all, err := await(ctx, c.Changes, func(all []Change) bool { return slices.ContainsFunc(all, made) })
	if err != nil {
		return Change{}, fmt.Errorf("waiting for %s to be made active: %w", node, err)
	}
	return all[slices.IndexFunc(all, made)], nil
}

// await asks until the answer is as wished, or ctx ends. While no cosigner leads there may be none.
func await[T any](ctx context.Context, ask func(context.Context) (T, error), wished func(T) bool) (T, error) {
	for {
		answer, err := ask(ctx)
		if err == nil && wished(answer) {
			return answer, nil
		}
		if waitErr := Pause(ctx, askEvery); waitErr != nil {
			return answer, errors.Join(waitErr, err)
		}
	}
}
