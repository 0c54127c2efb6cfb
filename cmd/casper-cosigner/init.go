package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/blake2b"

	"casper-cosigner/cluster"
	"casper-cosigner/rule/casper"
)

const localHost = "127.0.0.1"

// initFlags are init's flags as they were typed.
type initFlags struct {
	dir, validator, validatorPEM string
	cosigners, nodes             []string
	setup                        setup
}

func initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init",
		Short: "make a new cluster: authority, keys, certificates and settings",
		Long: `init makes a new cluster in one go: the authority, each member's key and
certificate, an age identity for each cosigner's share, and the cluster file. Each
member gets a folder that is to be carried to its host. The validator's secret key
is not used; "keygen split" comes next. With --stock it does not: all nodes are
stock, hold the key themselves and sign behind gates, so the cosigners attest, need
no shares and hold nothing of the key.`,
		Example: `  casper-cosigner init --dir new --chain casper --validator 01c6b1... \
    --cosigner c1=10.0.0.1 --cosigner c2=10.0.0.2 --cosigner c3=10.0.0.3 \
    --node node-a=10.0.1.1 --node node-b=10.0.1.2 --threshold 2
  casper-cosigner init --stock --dir new --chain casper --validator 01c6b1... \
    --cosigner c1=10.0.0.1 --cosigner c2=10.0.0.2 --cosigner c3=10.0.0.3 \
    --node node-a=10.0.1.1 --node node-b=10.0.1.2`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := f.parse()
			if err != nil {
				return err
			}
			return makeCluster(c, f.dir, s)
		},
	}
	flags, s := c.Flags(), &f.setup
	s.failover = cluster.DefaultFailover()
	flags.StringVar(&f.dir, "dir", "", "folder to make the cluster in")
	flags.StringVar(&s.chain, "chain", "", "chain name, as in the chainspec")
	flags.StringVar(&f.validator, "validator", "", "the validator's public key, 01 and 64 hex digits")
	flags.StringVar(&f.validatorPEM, "validator-pem", "", "or its secret_key.pem, of which only the public key is used")
	flags.StringSliceVar(&f.cosigners, "cosigner", nil, "cosigner as NAME=HOST, three times or more; with --local NAME")
	flags.StringSliceVar(&f.nodes, "node",
		nil, "node as NAME=HOST, once or more; the other nodes' agents ping it there; with --local NAME")
	flags.StringSliceVar(&s.operators, "operator", []string{"operator"}, "operator")
	flags.StringVar(&s.main, "main", "", "node that is active first (default the first node)")
	flags.IntVar(&s.threshold, "threshold", 0, "cosigners needed for a signature (default more than half)")
	flags.IntVar(&s.basePort, "base-port", defaultPort, "first of a cosigner's four ports: data, raft, admin, metrics")
	flags.StringVar(&s.timing, "timing", "measured",
		"measured: timers follow the distances; or fixed: lan, region up to 100 ms, wan up to 200 ms")
	flags.DurationVar(&s.minEra, "min-era-time", 2*time.Hour, "least duration of an era, as in the chainspec")
	flags.DurationVar(&s.minBlock, "min-block-time", 8*time.Second, "least time between blocks, as in the chainspec")
	flags.DurationVar(&s.grace, "grace", 100*time.Millisecond, "how long a standby's claim waits for the main's")
	flags.StringVar(&s.failover.Policy, "failover",
		s.failover.Policy, "auto, confirm or manual: what happens when the active node is unresponsive")
	flags.StringVar(&s.failover.Return, "failback",
		s.failover.Return, "auto or manual: whether main becomes active again by itself")
	flags.DurationVar((*time.Duration)(&s.failover.PingInterval), "ping-interval",
		time.Duration(s.failover.PingInterval), "between two pings of an agent to each other member")
	flags.DurationVar((*time.Duration)(&s.failover.PingTimeout), "ping-timeout",
		time.Duration(s.failover.PingTimeout), "how long a ping's answer may take")
	flags.DurationVar((*time.Duration)(&s.failover.After), "failover-after",
		time.Duration(s.failover.After), "how long the active node must be unresponsive before another takes over")
	flags.DurationVar((*time.Duration)(&s.failover.FailbackAfter), "failback-after",
		time.Duration(s.failover.FailbackAfter), "how long main must be ready again before it takes over")
	flags.DurationVar(&s.witnessWait, "witness-wait", 30*time.Second,
		"how long a cosigner that starts waits for what the agents remember")
	flags.BoolVar(&s.stock, "stock",
		false, "all nodes are stock: they hold the key and sign behind gates; no shares are made")
	flags.BoolVar(&s.singleHost, "local",
		false, "everything on this machine, for tests only: members are given without a host")
	required(c, "dir", "chain", "cosigner", "node")
	c.MarkFlagsMutuallyExclusive("validator", "validator-pem")
	c.MarkFlagsOneRequired("validator", "validator-pem")
	return c
}

// parse fills in what was left out. What the cluster file itself can judge is left to it.
func (f *initFlags) parse() (setup, error) {
	s := f.setup
	var err error
	if s.cosigners, err = s.places("--cosigner", f.cosigners); err != nil {
		return s, err
	}
	if s.nodes, err = s.places("--node", f.nodes); err != nil {
		return s, err
	}
	s.main = cmp.Or(s.main, s.nodes[0].name)
	s.threshold = cmp.Or(s.threshold, cluster.LeastThreshold(len(s.cosigners)))
	if slices.Contains(s.members(), caFolder) {
		return s, usageFault(errorf("no member can be named %q, the authority's folder", caFolder))
	}
	if last := s.basePort + agentPorts + len(s.nodes)*portsEachAgent; s.basePort < 1 || last > 65535 {
		return s, usageFault(errorf("--base-port %d: want 1 to %d", s.basePort, 65535-agentPorts-len(s.nodes)*portsEachAgent))
	}
	if f.validatorPEM != "" {
		s.validator, err = publicKeyOf(f.validatorPEM)
	} else if s.validator, err = casper.ParsePublicKey(f.validator); err != nil {
		err = withHint(errorf("--validator: %w", err), secpHints(err)...)
	}
	return s, err
}

// places reads members that are given as NAME=HOST, or on a single host as NAME.
func (s setup) places(flag string, texts []string) (places []place, err error) {
	for _, text := range texts {
		name, host, hosted := strings.Cut(text, "=")
		if s.singleHost {
			if hosted {
				return nil, usageFault(errorf("%s %q: with --local everything is on this machine; give the name only, %s %s",
					flag, text, flag, name))
			}
			host = localHost
		}
		if host == "" {
			return nil, usageFault(errorf("%s %q: want NAME=HOST", flag, text))
		}
		if strings.Contains(host, ":") && net.ParseIP(host) == nil {
			return nil, usageFault(errorf("%s %q: give the host without a port; --base-port sets the ports", flag, text))
		}
		places = append(places, place{name, host})
	}
	return places, nil
}

// makeCluster draws all keys, checks the result as every host will, and only then writes.
func makeCluster(c *cobra.Command, dir string, s setup) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return withHint(errorf("%s is not empty, nothing was written",
			dir), "another --dir; a cluster is never made over another")
	}
	now := time.Now()
	authority, err := cluster.NewAuthority(now)
	if err != nil {
		return err
	}
	authorityKey, err := authority.KeyPEM()
	if err != nil {
		return err
	}
	m := material{id: make(cluster.Key, 16), authority: string(authority.CertificatePEM()),
		keys: map[string]cluster.Key{}, recipients: map[string]string{}}
	rand.Read(m.id)
	files := []newFile{
		{filepath.Join(dir, caFolder, "ca.key"), authorityKey, secretMode},
		{filepath.Join(dir, caFolder, "ca.crt"), authority.CertificatePEM(), publicMode},
	}
	for _, name := range s.members() {
		public, key, err := newKey(folder(dir, name))
		if err != nil {
			return err
		}
		certificate, err := authority.Issue(name, public, now)
		if err != nil {
			return err
		}
		m.keys[name] = cluster.Key(public)
		files = append(files, key, newFile{filepath.Join(dir, name, "tls.crt"), certificate, publicMode})
	}
	for _, p := range s.cosigners {
		identity, recipient, err := newIdentity(folder(dir, p.name))
		if err != nil {
			return err
		}
		m.recipients[p.name] = recipient
		files = append(files, identity)
	}
	settled, err := s.files(dir, m)
	if err != nil {
		return err
	}
	if err := writeNew(append(files, settled...)); err != nil {
		return err
	}
	printCluster(c, dir, s, m)
	return nil
}

// files returns the cluster file, for every member, and each member's own settings.
func (s setup) files(dir string, m material) ([]newFile, error) {
	f := s.cluster(m)
	if err := f.Validate(); err != nil {
		return nil, usageFault(errorf("no cluster was made: %w", err))
	}
	text, err := f.Encode()
	if err != nil {
		return nil, err
	}
	if _, err := cluster.Parse(text); err != nil {
		return nil, errorf("checking the new cluster file: %w", err)
	}
	files := []newFile{{filepath.Join(dir, "cluster.toml"), text, publicMode}}
	for name, own := range s.gateFiles() {
		own.path = filepath.Join(dir, name, own.path)
		files = append(files, own)
	}
	for name, own := range s.hostFiles() {
		own.path = filepath.Join(dir, name, own.path)
		files = append(files, own, newFile{filepath.Join(dir, name, "cluster.toml"), text, publicMode})
	}
	return files, nil
}

func printCluster(c *cobra.Command, dir string, s setup, m material) {
	out, f := c.OutOrStdout(), s.cluster(m)
	hash := blake2b.Sum256([]byte(m.authority))
	fmt.Fprintf(out, "Made cluster %x for validator %v on chain %s.\n", []byte(m.id), s.validator, s.chain)
	fmt.Fprintf(out, "Authority %x. %d of %d cosigners %s: %s may be lost, %s may be in an attacker's hands.\n\n",
		hash[:8], f.Threshold, len(f.Cosigners), s.verb(), orNone(f.MayBeLost()), orNone(f.MayBeStolen()))
	if s.stock {
		fmt.Fprint(out, "All nodes are stock: they hold the key and sign behind gates, to which the cosigners attest. No\n"+
			"shares are made, and no cosigner holds anything of the key. docs/stock-node.md has the first day.\n")
	} else {
		fmt.Fprintf(out, "Next: casper-cosigner keygen split --pem secret_key.pem --into %s\n", dir)
	}
	if s.singleHost {
		fmt.Fprintf(out, "Then, all on this machine:\n\n")
	} else {
		fmt.Fprintf(out, "Then carry each folder to its host over a channel that you trust, to %s, and remove it here:\n\n",
			configFolder)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range s.cosigners {
		fmt.Fprintf(w, "  %s\t%s\tcosigner init, cosigner run\n", folder(dir, p.name), p.host)
	}
	for _, p := range s.nodes {
		runs := "agent init, agent run"
		if s.stock && !s.singleHost { // on one machine nobody has written a gate's settings
			runs += ", gate drill, gate run, gate watch"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", folder(dir, p.name), p.host, runs)
	}
	for _, name := range s.operators {
		fmt.Fprintf(w, "  %s\tyours\tstatus, failover, watermark\n", folder(dir, name))
	}
	_ = w.Flush() // as with Fprintf: nobody is left to tell
	fmt.Fprintf(out, "\nKeep offline: %s. Whoever has ca.key and may change cluster.toml can add members.\n",
		filepath.Join(dir, caFolder))
	fmt.Fprintf(out, "cluster.toml is the same everywhere; change every copy or none.\n")
}

// verb is what a threshold of the cosigners does.
func (s setup) verb() string {
	if s.stock {
		return "attest"
	}
	return "sign"
}

func orNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}
