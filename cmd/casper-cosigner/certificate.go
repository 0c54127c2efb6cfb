package main

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
)

func issueCommand() *cobra.Command {
	var ca, clusterPath, out string
	c := &cobra.Command{
		Use:   "issue NAME",
		Short: "certify the key that the cluster file has for a member",
		Long: `issue makes a certificate over the public key that stands under NAME in the cluster
file. It needs the authority's folder, and the member's secret key is not needed.`,
		Example: "  casper-cosigner certificate issue node-c --ca new/ca --cluster cluster.toml --out tls.crt",
		Args:    one("a NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return issue(c, args[0], [3]string{ca, clusterPath, out})
		},
	}
	c.Flags().StringVar(&ca, "ca", "", "folder with ca.key and ca.crt")
	c.Flags().StringVar(&clusterPath, "cluster", "cluster.toml", "cluster file")
	c.Flags().StringVar(&out, "out", "tls.crt", "file to write")
	required(c, "ca")
	return c
}

func issue(c *cobra.Command, name string, paths [3]string) error {
	ca, clusterPath, out := paths[0], paths[1], paths[2]
	f, err := readClusterFile(clusterPath)
	if err != nil {
		return err
	}
	m, ok := f.Member(name)
	if !ok {
		return withHint(errorf("%s has no member %q", clusterPath, name), "add its entry, on every host")
	}
	authority, err := readAuthority(ca)
	if err != nil {
		return err
	}
	if !authority.IsOf(f) {
		return errorf("%s is not the authority of %s", ca, clusterPath)
	}
	certificate, err := authority.Issue(name, ed25519.PublicKey(m.Key), time.Now())
	if err != nil {
		return err
	}
	if err := writeNew([]newFile{{out, certificate, publicMode}}); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "Wrote %s for %s %s, key %x.\n", out, m.Role, m.Name, []byte(m.Key))
	return nil
}

func readAuthority(dir string) (*cluster.Authority, error) {
	certificate, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, errorf("reading the authority: %w", err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, errorf("reading the authority: %w", err)
	}
	defer clear(key)
	return cluster.LoadAuthority(certificate, key)
}
