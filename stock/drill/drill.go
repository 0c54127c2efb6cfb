// Package drill shows of a casper-node's program what the gate rests on: that it writes each
// message of its own to its unit file before it sends it, in the layout that stock/units reads, and
// that it sends nothing that it could not write.
//
// It runs two nodes of the program as a network of its own, without a way out of the host, with
// throw-away keys. One holds three quarters of the weight, so that nothing is final without it, and
// stands behind a gate. The other listens: its unit file tells what reached it. Messages of each
// kind are held and must not arrive before they are granted; then an echo and a vote are refused,
// and must not arrive at all.
//
// It promises that it passes no program of which it did not see all that, that it takes no longer
// than it is told, and that nothing of it stays: mounts and network end with its processes. It
// leaves to others to run what passed, and no other (stock/gate), and to say what has not been
// drilled yet (stock/launcher).
package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"casper-cosigner/stock/node"
)

// Settings say what is drilled.
type Settings struct {
	Binary  string        // the program
	Version string        // the folder with its chainspec.toml and config.toml
	Work    string        // a new folder, which anybody may pass through
	Within  time.Duration // for all of it
	Self    []string      // a command line that calls Part
	Tell    io.Writer     // what is going on, a line each
}

// Violation says what a program did that no program behind a gate may do.
type Violation struct{ What string }

// Error says it.
func (v *Violation) Error() string { return v.What }

// nobody is the user as whom the program runs: what it is has not been shown yet.
const nobody = 65534

// versionWithin is how long a program may take to tell its version.
const versionWithin = 20 * time.Second

// Run drills a program. Its error wraps a *Violation if it did not pass; any other error says that
// nothing was found out.
func Run(ctx context.Context, s Settings) (r Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	if os.Geteuid() != 0 {
		return r, errors.New("a drill mounts a file system and needs root; it may be done on another host")
	}
	binary := filepath.Join(s.Work, "casper-node")
	hash, err := copyProgram(s.Binary, binary)
	if err != nil {
		return r, err
	}
	r = Result{SHA256: hex.EncodeToString(hash[:]), Revision: Revision, At: time.Now().UTC().Truncate(time.Second)}
	if r.Host, err = os.Hostname(); err != nil {
		return r, err
	}
	if r.Version, err = versionOf(ctx, binary); err != nil {
		return r, err
	}
	fmt.Fprintf(s.Tell, "%s\nSHA-256 %s\n", r.Version, r.SHA256)
	o := order{Part: partNetwork, Work: s.Work, Staged: s.Version, Self: s.Self}
	if r.Found, err = rehearse(ctx, o, s.Tell); err != nil {
		var v *Violation
		if errors.As(err, &v) {
			r.Why = v.What
		}
		return r, err
	}
	r.Passed = true
	return r, nil
}

// copyProgram copies what is drilled, so that nobody changes it meanwhile, and returns its SHA-256.
func copyProgram(from, to string) (h [sha256.Size]byte, err error) {
	in, err := os.Open(from)
	if err != nil {
		return h, err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return h, err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), in)
	if err = errors.Join(err, out.Chmod(0o755), out.Close()); err != nil {
		return h, fmt.Errorf("copying %s: %w", from, err)
	}
	return [sha256.Size]byte(sum.Sum(nil)), nil
}

// colours are what a terminal takes for them; casper-node puts some into its version.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func versionOf(ctx context.Context, binary string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--version")
	cmd.Env, cmd.SysProcAttr = []string{}, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", binary, err)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(colours.ReplaceAllString(string(out), "")), "\n")
	return line, nil
}

// rehearse has another process play, with mounts and a network of its own. They end with it.
func rehearse(ctx context.Context, o order, tell io.Writer) (Found, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return Found{}, err
	}
	cmd := exec.CommandContext(ctx, o.Self[0], o.Self[1:]...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, tell
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	ran := cmd.Run()
	var told outcome
	if err := json.Unmarshal(out.Bytes(), &told); err != nil {
		return Found{}, errors.Join(context.Cause(ctx), ran, errors.New("the drill was cut short"))
	}
	switch {
	case told.Violation != "":
		return told.Found, &Violation{told.Violation}
	case told.Failed != "":
		return told.Found, errors.New(told.Failed)
	}
	return told.Found, nil
}

// readStaged reads chainspec and config of a version's folder. Before the operator made a
// config.toml there is an example.
func readStaged(dir string) (spec, config node.Tree, err error) {
	read := func(names ...string) (node.Tree, error) {
		var text []byte
		err := errors.New("no file")
		for _, name := range names {
			if text, err = os.ReadFile(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
				break
			}
		}
		if err != nil {
			return nil, fmt.Errorf("reading what the version was staged with: %w", err)
		}
		return node.ParseTOML(text)
	}
	if spec, err = read("chainspec.toml"); err != nil {
		return nil, nil, err
	}
	config, err = read("config.toml", "config-example.toml")
	return spec, config, err
}
