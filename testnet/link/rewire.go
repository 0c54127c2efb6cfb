package link

import (
	"fmt"
	"os"

	"casper-cosigner/cluster"
)

// Rewire writes a member's cluster file anew, after a change to where it finds others.
func Rewire(path string, change func(*cluster.File) error) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("rewiring: %w", err)
	}
	file, err := cluster.Parse(text)
	if err != nil {
		return fmt.Errorf("rewiring %s: %w", path, err)
	}
	if err := change(file); err != nil {
		return fmt.Errorf("rewiring %s: %w", path, err)
	}
	if text, err = file.Encode(); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("rewiring %s: %w", path, err)
	}
	return nil
}
