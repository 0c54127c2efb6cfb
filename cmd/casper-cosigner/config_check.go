package main

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
)

func configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "list every fault of a cluster, cosigner, agent, gate or operator file",
		Long: `check tells by its keys what kind of file it is, and checks what it leads to as
well: cluster file, certificate, key and share.`,
		Example: "  casper-cosigner config check /etc/casper-cosigner/cosigner.toml",
		Args:    one("a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			kind, note, err := checkConfig(args[0])
			if err != nil {
				return errorf("%s file %s is not in order:\n%w", kind, args[0], err)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s file, in order%s\n", args[0], kind, note)
			return nil
		},
	}
}

// checkConfig returns the kind of a file, what to compare it by with those of other hosts, and its
// faults.
func checkConfig(path string) (kind, note string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "settings", "", err
	}
	switch kind = kindOf(text); kind {
	case "cluster":
		var f *cluster.File
		if f, err = cluster.Parse(text); err == nil {
			note = retiredNote(f)
		}
	case "cosigner":
		f, faults := daemon.ReadCosignerFile(path)
		err = checkHost(faults, f, cluster.Cosigner, func(m daemon.Host) error {
			split, err := f.CheckShare(m.Cluster)
			if split != "" {
				note = fmt.Sprintf("; its share is of split %s, as must be those of all cosigners", split)
			}
			note += retiredNote(m.Cluster)
			return err
		})
	case "agent":
		f, faults := daemon.ReadAgentFile(path)
		err = checkHost(faults, f, cluster.Node, nil)
	case "gate":
		var f *daemon.GateFile
		if f, err = daemon.ReadGateFile(path); err == nil {
			_, err = f.Settings()
		}
	default:
		f, faults := daemon.ReadOperatorFile(path)
		err = checkHost(faults, f, cluster.Operator, nil)
	}
	return kind, note, err
}

// retiredNote tells of retired keys that no cosigner takes. How far the log is nobody knows here.
func retiredNote(f *cluster.File) (note string) {
	for _, n := range f.RetiredNotes(math.MaxUint64) {
		note += "\n  note: " + n
	}
	return note
}

// checkHost adds to the faults of a host's settings those of what they lead to.
func checkHost(faults error, f interface{ Host() (daemon.Host, error) }, role cluster.Role,
	more func(daemon.Host) error) error {
	if faults != nil {
		return faults // paths that are missing lead nowhere
	}
	m, err := f.Host()
	if err != nil {
		return err
	}
	if err := checkRole(m, role); err != nil || more == nil {
		return err
	}
	return more(m)
}

// kindOf tells by the keys that only one kind of file has. What has none of them is taken for an
// operator's, the shortest; TOML that cannot be read is told by its text, so that the right reader
// says what is wrong.
func kindOf(text []byte) string {
	keys := map[string]any{}
	if err := toml.Unmarshal(text, &keys); err != nil {
		for line := range strings.Lines(string(text)) {
			key, _, _ := strings.Cut(strings.Trim(line, " \t[]\r\n"), "=")
			keys[strings.Trim(key, " \t]")] = true
		}
	}
	for _, kind := range []struct {
		name string
		keys []string
	}{
		{"cluster", []string{"ca_certificate", "threshold", "validator", "cosigner"}},
		{"gate", []string{"role", "folder"}},
		{"agent", []string{"socket"}}, // which has a state, too
		{"cosigner", []string{"share", "state", "share_identity", "share_passphrase"}},
	} {
		for _, key := range kind.keys {
			if _, ok := keys[key]; ok {
				return kind.name
			}
		}
	}
	return "operator"
}
