package main

import (
	"fmt"
	"io"

	"casper-cosigner/cluster"
	"casper-cosigner/daemon"
)

// checkRole refuses settings that name a member of another role.
func checkRole(m daemon.Host, want cluster.Role) error {
	if have, _ := m.Cluster.Member(m.Name); have.Role != want {
		return withHint(errorf("the cluster file has %q as %s, %s is needed here", m.Name, have.Role, want),
			"the settings of this host, named by --config")
	}
	return nil
}

// printAfterNew says what a key that was made on its own host still needs.
func printAfterNew(w io.Writer, name string) {
	fmt.Fprintf(w, "Next: put the entry into cluster.toml, the same on every host, in place of any of that name.\n")
	fmt.Fprintf(w, "Where the authority is: casper-cosigner certificate issue %s --ca DIR/ca --cluster cluster.toml "+
		"--out tls.crt\n", name)
	fmt.Fprintf(w, "Put cluster.toml and tls.crt beside the key and run init here again, without --new.\n")
}
