package localnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"casper-cosigner/stock/launcher"
	"casper-cosigner/stock/node"
)

// Stage stages a version of the node where a launcher looks: that program, and the node's settings
// with some of the chainspec's changed, by path.
func (n *Node) Stage(f launcher.Folders, v launcher.Version, program string, change map[string]any) error {
	settings := filepath.Dir(f.Config(v))
	err := errors.Join(os.MkdirAll(settings, 0o700), os.MkdirAll(filepath.Dir(f.Binary(v)), 0o700))
	for _, name := range []string{"config.toml", "accounts.toml", "chainspec.toml", node.KeyFile} {
		text, readErr := os.ReadFile(filepath.Join(n.Dir, name))
		if name == "chainspec.toml" && readErr == nil {
			text, readErr = changed(text, change)
		}
		if err = errors.Join(err, readErr); err == nil {
			err = os.WriteFile(filepath.Join(settings, name), text, 0o600)
		}
	}
	if err == nil {
		err = os.Symlink(program, f.Binary(v))
	}
	if err != nil {
		return fmt.Errorf("staging %v for %s: %w", v, n.Name, err)
	}
	return nil
}

// changed is a TOML file with some of its values changed, by path.
func changed(text []byte, change map[string]any) ([]byte, error) {
	tree, err := node.ParseTOML(text)
	if err != nil {
		return nil, err
	}
	if err := tree.SetAll(change); err != nil {
		return nil, err
	}
	return tree.TOML()
}
