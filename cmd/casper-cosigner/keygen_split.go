package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen"
	"casper-cosigner/keygen/seed"
	"casper-cosigner/report"
)

// splitFlags are keygen split's flags as they were typed.
type splitFlags struct {
	pem, cluster, out, into string
	threshold, shares       int
	recipients              []string
	passphraseFile          string
	custody                 bool
}

// split is what splitFlags ask for.
type split struct {
	threshold, size int
	clusterID       string          // hex, empty without a cluster file
	stock           bool            // by the cluster file, some node is, and keeps the PEM
	recipients      []age.Recipient // by share number - 1
	paths           []string        // likewise
	fingerprint     frost.Fingerprint
}

func splitCommand() *cobra.Command {
	var f splitFlags
	c := &cobra.Command{
		Use:   "split",
		Short: "split secret_key.pem into one encrypted share per cosigner",
		Long: `split makes one share file per cosigner from casper-node's secret_key.pem. It
checks that the shares belong to the key and sign together before it writes any of
them. Do it on a machine that is offline.`,
		Example: `  casper-cosigner keygen split --pem secret_key.pem --into new
  casper-cosigner keygen split --pem secret_key.pem --cluster cluster.toml --out shares
  casper-cosigner keygen split --pem secret_key.pem --threshold 2 --shares 3 \
    --recipient age1... --recipient age1... --recipient age1... --out shares`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	flags := c.Flags()
	flags.StringVar(&f.pem, "pem", "", "the validator's secret_key.pem")
	flags.StringVar(&f.cluster, "cluster", "", "cluster file (default cluster.toml in --into)")
	flags.StringVar(&f.out, "out", "", "folder for share-1.age, share-2.age, ...")
	flags.StringVar(&f.into, "into", "", "or the folder that init made: share.age goes to each cosigner's folder")
	flags.IntVar(&f.threshold, "threshold", 0, "without a cluster file: shares needed for a signature")
	flags.IntVar(&f.shares, "shares", 0, "without a cluster file: number of shares")
	flags.StringArrayVar(&f.recipients, "recipient", nil, "without a cluster file: age recipient, once for each share")
	flags.StringVar(&f.passphraseFile, "passphrase-file", "",
		"encrypt to the passphrase in this file instead; name it as share_passphrase in cosigner.toml")
	flags.BoolVar(&f.custody, "custody", false,
		"put a piece of the seed into each share file, for nodes with custody in the cluster file: t cosigners are the key")
	required(c, "pem")
	c.MarkFlagsOneRequired("out", "into")
	c.MarkFlagsMutuallyExclusive("out", "into")
	c.MarkFlagsMutuallyExclusive("into", "threshold")
	c.MarkFlagsMutuallyExclusive("cluster", "threshold")
	c.MarkFlagsMutuallyExclusive("recipient", "passphrase-file")
	c.MarkFlagsRequiredTogether("threshold", "shares")
	return c
}

func (f *splitFlags) run(c *cobra.Command) error {
	secret, err := readSeed(f.pem)
	if err != nil {
		return err
	}
	defer clear(secret[:])
	file, err := f.readCluster()
	if err != nil {
		return err
	}
	if file != nil && file.Validator != seedPublic(secret) {
		return withHint(errorf("%s is the key of %v, the cluster file is for %v", f.pem, seedPublic(secret), file.Validator),
			"the other key file, or another cluster file")
	}
	if err := f.checkCustody(file); err != nil {
		return err
	}
	s, err := f.plan(file)
	if err != nil {
		return err
	}
	_, shares, err := keygen.Split(secret, s.threshold, s.size, rand.Reader)
	if err != nil {
		return err
	}
	var pieces []seed.Piece
	if f.custody {
		if pieces, err = seed.Split(secret, s.threshold, s.size, rand.Reader); err != nil {
			return err
		}
	}
	files, err := s.seal(shares, pieces)
	if err != nil {
		return err
	}
	if err := writeNew(files); err != nil {
		return err
	}
	s.fingerprint = shares[0].Group().Fingerprint()
	printSplit(c, f.pem, s)
	return nil
}

// checkCustody has what was typed and the cluster file say the same: pieces of the seed are made
// where they are wanted, and nowhere else.
func (f *splitFlags) checkCustody(file *cluster.File) error {
	if file == nil {
		return nil
	}
	keeps := file.Custody().Keeps()
	switch {
	case len(keeps) > 0 && !f.custody:
		return withHint(errorf("by the cluster file the cosigners keep the key of %q, and get no pieces of it", keeps),
			"--custody, or take custody off the node in the cluster file")
	case len(keeps) == 0 && f.custody:
		return withHint(errorf("by the cluster file the cosigners keep the key of no node"),
			"custody = \"cosigners\" at a stock node there, or leave --custody out")
	}
	return nil
}

// readCluster returns nil when the split is for no cluster file.
func (f *splitFlags) readCluster() (*cluster.File, error) {
	path := f.cluster
	if path == "" && f.into != "" {
		path = filepath.Join(f.into, "cluster.toml")
	}
	if path == "" {
		if f.threshold == 0 {
			return nil, usageFault(errorf("give --cluster, or --threshold and --shares"))
		}
		return nil, nil
	}
	return readClusterFile(path)
}

func readClusterFile(path string) (*cluster.File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, withHint(errorf("reading the cluster file: %w", err), "`casper-cosigner init` makes it")
	}
	file, err := cluster.Parse(text)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return file, nil
}

// plan says which share goes where and who can open it.
func (f *splitFlags) plan(file *cluster.File) (split, error) {
	s := split{threshold: f.threshold, size: f.shares}
	names, recipients := make([]string, s.size), f.recipients
	if file != nil {
		s.threshold, s.size, s.clusterID = file.Threshold, len(file.Cosigners), fmt.Sprintf("%x", []byte(file.ID))
		s.stock = file.StockNodes().Stock()
		names = make([]string, s.size)
		own := make([]string, s.size)
		for _, e := range file.Cosigners {
			names[e.Share-1], own[e.Share-1] = e.Name, e.ShareRecipient
		}
		if len(recipients) == 0 {
			recipients = own
		}
	}
	for i, name := range names {
		path := filepath.Join(f.out, fmt.Sprintf("share-%d.age", i+1))
		if f.into != "" {
			path = filepath.Join(f.into, name, "share.age")
		}
		s.paths = append(s.paths, path)
	}
	var err error
	if f.passphraseFile != "" {
		s.recipients, err = passphraseRecipients(f.passphraseFile, s.size)
	} else {
		s.recipients, err = ageRecipients(recipients, s.size)
	}
	return s, err
}

func ageRecipients(texts []string, n int) ([]age.Recipient, error) {
	if len(texts) != n {
		return nil, usageFault(errorf("%d shares need as many recipients, got %d", n, len(texts)))
	}
	list, err := keygen.Recipients(texts)
	if slices.Contains(texts, "") {
		return list, withHint(err, "share_recipient in the cluster file, --recipient or --passphrase-file")
	}
	return list, err
}

func passphraseRecipients(path string, n int) ([]age.Recipient, error) {
	passphrase, err := readPassphrase(path)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	list := make([]age.Recipient, n)
	for i := range list {
		list[i] = r
	}
	return list, nil
}

// seal encrypts the shares in memory, so that none is written if one cannot be. There are no
// pieces, or one for each share.
func (s split) seal(shares []*frost.KeyShare, pieces []seed.Piece) ([]newFile, error) {
	var files []newFile
	for i, share := range shares {
		var b bytes.Buffer
		file := keygen.NewShareFile(share, keygen.FirstEpoch, s.clusterID)
		if len(pieces) > 0 {
			file = file.WithPiece(pieces[i])
		}
		if err := keygen.Seal(&b, file, s.recipients[i]); err != nil {
			return nil, err
		}
		files = append(files, newFile{s.paths[i], b.Bytes(), secretMode})
	}
	return files, nil
}

func printSplit(c *cobra.Command, pem string, s split) {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "Split the key into %s, any %d of which sign. Checked: they belong to the key and sign together.\n\n",
		report.Count(s.size, "share"), s.threshold)
	for i, path := range s.paths {
		fmt.Fprintf(out, "  share %d  %s\n", i+1, path)
	}
	fmt.Fprintf(out, "\nThis is split %v: `config check` and `status` say of which one a cosigner's share is.\n",
		s.fingerprint)
	fmt.Fprintf(out, `
Back up, each in a place of its own: every share file, and what opens it (identity
or passphrase) apart from it. Without a PEM a cluster that lost a cosigner is founded
anew with all %d of them, and with fewer than %d the key is gone.
Never put two shares in one place: %d of them are the key.
Never back up, copy or restore a cosigner's state directory.
`, s.size, s.threshold, s.threshold)
	if s.stock {
		fmt.Fprint(out, afterStockSplit)
		return
	}
	fmt.Fprintf(out, `
Before the first cosigner init, no process may sign with the PEM any more. Once all
cosigners are ready, and not before, destroy every copy of it: if the era turns
meanwhile the old node has to go on for one more. Copies may lie in:
  %s
  /etc/casper/validator_keys/secret_key.pem on every node, main and standby
  the machine and folder where the key was made, and password managers
  backups, disk snapshots and images of all of these; deleted files on SSDs
The PEM also signs transactions, such as withdraw_bid, and the cosigners will not:
have the bid and its funds settled before the last copy goes.
`, pem)
}

const afterStockSplit = `
Stock nodes keep the PEM and sign behind their gates. If the cosigners run without
shares: put each share.age beside its cosigner.toml, set share in cosigner.toml
there, and restart them one by one. Once all have one, a node may be made one that
holds no key: stop it, remove the key from its host, set the floor with watermark
floor --from-node, as blocks that it signed are in no log, take stock off it in
every cluster.toml, restart the cosigners again, and only then start it. Until the
floor's era the other stock node casts no vote either.
Whatever else has the PEM, or signs with it behind no gate, is to be stopped and
its copy removed first.
`
