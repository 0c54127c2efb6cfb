package show

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestInFolder: what did not hold leaves its folder behind.
func TestInFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	failed := errors.New("failed")
	for _, c := range []struct {
		keep, held bool
		err        error
		stays      bool
	}{{held: true}, {keep: true, held: true, stays: true}, {stays: true}, {held: true, err: failed, stays: true}} {
		var out bytes.Buffer
		var dir string
		held, err := Program{Name: "test", Keep: c.keep}.inFolder(&out, func(d string) (bool, error) {
			dir = d
			return c.held, c.err
		})
		_, statErr := os.Stat(dir)
		if held != c.held || !errors.Is(err, c.err) || (statErr == nil) != c.stays || strings.Contains(out.String(),
			dir) != c.stays {
			t.Errorf("%+v: held %v, %v, folder %v, said %q", c, held, err, statErr, out.String())
		}
	}
}
