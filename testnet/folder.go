package testnet

import (
	"fmt"
	"io"
	"os"
)

// InFolder has something played in a new folder, and reports whether all of it held. The folder is removed if it did,
// unless it is to be kept; else what is in it may tell why not, and out is told where it is.
func InFolder(keep bool, out io.Writer, play func(dir string) (held bool, err error)) (held bool, err error) {
	dir, err := os.MkdirTemp("", "casper-demo-")
	if err != nil {
		return false, fmt.Errorf("making a folder: %w", err)
	}
	if held, err = play(dir); held && err == nil && !keep {
		return true, os.RemoveAll(dir)
	}
	fmt.Fprintf(out, "\nSettings, state and logs are in %s\n", dir)
	return held, err
}
