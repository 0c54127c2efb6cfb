package localnet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"strconv"
	"strings"

	"casper-cosigner/stock/node"
)

// defaults are the node's own, as the program localnet-defaults prints them.
type defaults struct {
	Config    node.Tree `json:"config"`
	Chainspec node.Tree `json:"chainspec"`
}

// readDefaults runs localnet-defaults and returns what it prints.
func readDefaults(ctx context.Context, program string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, program).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("asking %s for the node's defaults: %w", program, err)
	}
	return out, nil
}

// parseDefaults reads what localnet-defaults printed. Each call returns trees that nothing
// else refers to.
func parseDefaults(text []byte) (d defaults, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("reading the node's defaults: %w", err)
	}
	if d.Config == nil || d.Chainspec == nil {
		return d, errors.New("reading the node's defaults: config or chainspec is missing")
	}
	d.Config = tomlValue(map[string]any(d.Config)).(node.Tree)
	d.Chainspec = tomlValue(map[string]any(d.Chainspec)).(node.Tree)
	return d, nil
}

// tomlValue turns what JSON held into what TOML can hold. TOML's integers end at 2^63-1; what is
// above means "no limit" in casper-node, so the highest will do.
func tomlValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		t := node.Tree{}
		for key, value := range v {
			t[key] = tomlValue(value)
		}
		return t
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = tomlValue(v[i])
		}
		return list
	case json.Number:
		return number(v.String())
	}
	return v
}

func number(text string) any {
	if strings.ContainsAny(text, ".eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return text
		}
		return f
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return int64(math.MaxInt64)
	}
	return n
}
