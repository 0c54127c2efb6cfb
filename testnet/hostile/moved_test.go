package hostile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"casper-cosigner/testnet"
)

var (
	saysAddress = regexp.MustCompile(`(?m)^(\w*address) = '127\.0\.0\.1:\d+'`)
	saysMetrics = regexp.MustCompile(`(?m)^metrics = .*\n`)
)

// TestMovedAndNotStopped: all cosigners are made anew at other addresses, with the keys and shares
// that they have, and those of before go on. One agent is put back to the cluster file of before.
// It asks those, whom nobody asks else; the other agent tells it what the new ones signed.
func TestMovedAndNotStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 3)
	r.signSome(2)
	r.ready()
	before := r.clusterFile(testnet.Standby)
	r.move(era + 1)
	r.free.Round.Era++
	r.signSome(1)
	r.stop(testnet.Standby)
	r.setClusterFile(testnet.Standby, before)
	r.start(testnet.Standby)
	for _, name := range r.names {
		r.heldBack(name, "shows a statement signed by "+name, "initialised again")
	}
	signed := r.signSome(4)
	r.nothingTwice(signed, asking)
	r.signSome(2) // the new ones have lost nothing
}

// clusterFile is a member's.
func (r *rig) clusterFile(member string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.Dir, member, "cluster.toml"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

func (r *rig) setClusterFile(member, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.Dir, member, "cluster.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// move makes all cosigners anew, from that era and height on, in other folders and at other
// addresses, and has the agents ask them. Those that run go on.
func (r *rig) move(first int) {
	r.t.Helper()
	r.stop(testnet.Main, testnet.Standby)
	entries := strings.Split(r.clusterFile(testnet.Main), "[[")
	ports, err := testnet.QuietPorts(3 * len(r.names))
	if err != nil {
		r.t.Fatal(err)
	}
	for i, entry := range entries {
		if !strings.HasPrefix(entry, "cosigner]]") {
			continue
		}
		entries[i] = saysAddress.ReplaceAllStringFunc(entry, func(line string) string {
			name, _, _ := strings.Cut(line, " ")
			line = fmt.Sprintf("%s = '%s'", name, testnet.Loopback(ports[0]))
			ports = ports[1:]
			return line
		})
	}
	file := strings.Join(entries, "[[")
	var all []*testnet.Process
	for _, name := range r.names {
		all = append(all, r.moveOne(name, file, first))
	}
	for _, p := range all {
		if err := p.Start(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { p.Kill() })
	}
	for _, node := range []string{testnet.Main, testnet.Standby} {
		r.setClusterFile(node, file)
	}
	r.start(testnet.Main, testnet.Standby)
}

// moveOne makes one anew, which is not started yet.
func (r *rig) moveOne(name, file string, first int) *testnet.Process {
	r.t.Helper()
	dir := r.t.TempDir()
	err := errors.Join(os.CopyFS(dir, os.DirFS(filepath.Join(r.Dir, name))), os.RemoveAll(filepath.Join(dir, "state")),
		os.WriteFile(filepath.Join(dir, "cluster.toml"), []byte(file), 0o600))
	config := filepath.Join(dir, "cosigner.toml")
	text, readErr := os.ReadFile(config)
	err = errors.Join(err, readErr, os.WriteFile(config, saysMetrics.ReplaceAll(text, nil), 0o600))
	if err == nil {
		err = r.Command(r.t.Context(), "cosigner", "init", "--first-era", fmt.Sprint(first), "--first-height",
			fmt.Sprint(first), "--again", fmt.Sprintf("%d/%d", first, first), "--config", config)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return &testnet.Process{Name: name + " anew", Path: r.Binary, Args: []string{"cosigner", "run", "--config", config},
		Log: filepath.Join(dir, "log")}
}
