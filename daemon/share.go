package daemon

import (
	"bytes"
	"fmt"
	"os"

	"casper-cosigner/cluster"
	"casper-cosigner/cosigner/frost"
	"casper-cosigner/keygen"
	"casper-cosigner/keygen/seed"
)

// OpenShare decrypts the share and checks that it is this cosigner's, of this cluster's validator.
func (f *CosignerFile) OpenShare(c *cluster.File) (*frost.KeyShare, uint32, error) {
	s, err := f.openShare(c)
	if err != nil {
		return nil, 0, err
	}
	share, err := s.KeyShare()
	return share, s.Epoch, err
}

func (f *CosignerFile) openShare(c *cluster.File) (keygen.ShareFile, error) {
	identity, err := f.shareIdentity()
	if err != nil {
		return keygen.ShareFile{}, err
	}
	path := resolve(f.dir, f.Share)
	text, err := os.ReadFile(path)
	if err != nil {
		return keygen.ShareFile{}, fmt.Errorf("reading the share: %w; `keygen split` makes it", err)
	}
	s, err := keygen.OpenShare(bytes.NewReader(text), identity)
	if err != nil {
		return keygen.ShareFile{}, fmt.Errorf("opening the share %s: %w", path, err)
	}
	entry, _ := c.Cosigner(f.Name)
	switch {
	case s.Validator != c.Validator:
		err = fmt.Errorf("it is of validator %v, the cluster file says %v", s.Validator, c.Validator)
	case s.Cluster != "" && s.Cluster != fmt.Sprintf("%x", []byte(c.ID)):
		err = fmt.Errorf("it was made for cluster %s, the cluster file says %x", s.Cluster, []byte(c.ID))
	case s.ID != entry.Share:
		err = fmt.Errorf("it is number %d, the cluster file gives %q number %d", s.ID, f.Name, entry.Share)
	case s.Threshold != c.Threshold || s.Size != len(c.Cosigners):
		err = fmt.Errorf("it is %d of %d, the cluster file says %d of %d", s.Threshold, s.Size, c.Threshold, len(c.Cosigners))
	}
	if err != nil {
		return keygen.ShareFile{}, fmt.Errorf("share %s is not the right one: %w", path, err)
	}
	return s, nil
}

// piece returns this cosigner's piece of the validator's seed, none where the cosigners keep no
// node's key: then it is not even kept in memory.
func (f *CosignerFile) piece(c *cluster.File) (seed.Piece, error) {
	keeps := c.Custody().Keeps()
	if len(keeps) == 0 {
		return seed.Piece{}, nil
	}
	const what = "by the cluster file the cosigners keep the key of %q (custody), and %s: have `keygen split --custody` " +
		"make share files with a piece of the seed, and set `share` in cosigner.toml of each cosigner"
	if f.Share == "" {
		return seed.Piece{}, fmt.Errorf(what, keeps, "no share is set here")
	}
	s, err := f.openShare(c)
	if err != nil {
		return seed.Piece{}, err
	}
	p, ok := s.Piece()
	if !ok {
		return seed.Piece{}, fmt.Errorf(what, keeps, "the share file here holds no piece of it")
	}
	return p, nil
}
