package node

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Tree is a document of tables, as JSON and TOML both have them. A key whose value is nil exists
// and is left out of TOML.
type Tree map[string]any

// ParseTOML reads a document.
func ParseTOML(text []byte) (Tree, error) {
	var m map[string]any
	if err := toml.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("reading TOML: %w", err)
	}
	return branch(m), nil
}

// branch turns the tables that TOML's parser made into trees.
func branch(m map[string]any) Tree {
	t := Tree{}
	for key, value := range m {
		if table, ok := value.(map[string]any); ok {
			value = branch(table)
		}
		t[key] = value
	}
	return t
}

// Get returns the value at a path of keys with dots between them, nil if there is none.
func (t Tree) Get(path string) any {
	at, last := t.table(path, false)
	if at == nil {
		return nil
	}
	return at[last]
}

// table returns the table that a path ends in, and the path's last key; nil if there is none and
// none is to be made.
func (t Tree) table(path string, make bool) (at Tree, last string) {
	at = t
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := at[key].(Tree)
		if !ok && !make {
			return nil, ""
		}
		if !ok {
			next = Tree{}
			at[key] = next
		}
		at = next
	}
	return at, keys[len(keys)-1]
}

// Put sets the value at a path, and makes what is missing on the way.
func (t Tree) Put(path string, value any) {
	at, last := t.table(path, true)
	at[last] = value
}

// Delete removes what is at a path, if anything is.
func (t Tree) Delete(path string) {
	if at, last := t.table(path, false); at != nil {
		delete(at, last)
	}
}

// Set changes the value at a path. The key must exist: casper-node refuses a key that it does not
// know, and a mistake is better told here.
func (t Tree) Set(path string, value any) error {
	at, last := t.table(path, false)
	if at == nil {
		return fmt.Errorf("setting %s: there is no such table", path)
	}
	if _, ok := at[last]; !ok {
		return fmt.Errorf("setting %s: casper-node has no key %q there", path, last)
	}
	at[last] = value
	return nil
}

// SetAll sets every path, and tells all that went wrong.
func (t Tree) SetAll(values map[string]any) error {
	var err error
	for path, value := range values {
		err = errors.Join(err, t.Set(path, value))
	}
	return err
}

// TOML returns the document as TOML, without the keys that have no value.
func (t Tree) TOML() ([]byte, error) {
	text, err := toml.Marshal(t.plain())
	if err != nil {
		return nil, fmt.Errorf("writing TOML: %w", err)
	}
	return text, nil
}

func (t Tree) plain() map[string]any {
	m := map[string]any{}
	for key, value := range t {
		switch value := value.(type) {
		case nil:
		case Tree:
			m[key] = value.plain()
		default:
			m[key] = value
		}
	}
	return m
}
