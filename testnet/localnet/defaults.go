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

	"github.com/pelletier/go-toml/v2"
)

// tree is a document of tables, as JSON and TOML both have them. A key whose value is nil exists
// and is left out of TOML.
type tree map[string]any

// defaults are the node's own, as the program localnet-defaults prints them.
type defaults struct {
	Config    tree `json:"config"`
	Chainspec tree `json:"chainspec"`
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
	d.Config = tomlValue(map[string]any(d.Config)).(tree)
	d.Chainspec = tomlValue(map[string]any(d.Chainspec)).(tree)
	return d, nil
}

// tomlValue turns what JSON held into what TOML can hold. TOML's integers end at 2^63-1; what is
// above means "no limit" in casper-node, so the highest will do.
func tomlValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		t := tree{}
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

// set changes the value at a path of keys with dots between them. The key must exist: casper-node
// refuses a key that it does not know, and a mistake is better told here.
func (t tree) set(path string, value any) error {
	at := t
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := at[key].(tree)
		if !ok {
			return fmt.Errorf("setting %s: there is no table %q", path, key)
		}
		at = next
	}
	last := keys[len(keys)-1]
	if _, ok := at[last]; !ok {
		return fmt.Errorf("setting %s: casper-node's defaults have no key %q", path, last)
	}
	at[last] = value
	return nil
}

// setAll sets every path, and tells all that went wrong.
func (t tree) setAll(values map[string]any) error {
	var err error
	for path, value := range values {
		err = errors.Join(err, t.set(path, value))
	}
	return err
}

// toml returns the document as TOML, without the keys that have no value.
func (t tree) toml() ([]byte, error) {
	text, err := toml.Marshal(t.plain())
	if err != nil {
		return nil, fmt.Errorf("writing TOML: %w", err)
	}
	return text, nil
}

func (t tree) plain() map[string]any {
	m := map[string]any{}
	for key, value := range t {
		switch value := value.(type) {
		case nil:
		case tree:
			m[key] = value.plain()
		default:
			m[key] = value
		}
	}
	return m
}
