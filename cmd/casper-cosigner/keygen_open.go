package main

import (
	"bytes"
	"errors"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"casper-cosigner/keygen"
)

// openFlags are the flags of what opens share files.
type openFlags struct {
	identities, passphrases []string
}

func (f *openFlags) add(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.identities, "identity", nil, "age identity file that opens a share")
	c.Flags().StringArrayVar(&f.passphrases, "passphrase-file", nil, "file with the passphrase of a share")
	c.MarkFlagsOneRequired("identity", "passphrase-file")
}

// read returns all identities that were given.
func (f *openFlags) read() (list []age.Identity, err error) {
	for _, path := range f.identities {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, errorf("reading an identity: %w", err)
		}
		ids, err := age.ParseIdentities(bytes.NewReader(text))
		clear(text)
		if err != nil { // whose words may quote what stands in the file, which is a secret of some kind
			return nil, withHint(errorf("reading the identity %s: it does not hold age identities", path),
				"the share.identity that init made; it has a line AGE-SECRET-KEY-1...")
		}
		list = append(list, ids...)
	}
	for _, path := range f.passphrases {
		passphrase, err := readPassphrase(path)
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return nil, errorf("%s: %w", path, err)
		}
		list = append(list, id)
	}
	return list, nil
}

// open decrypts one share file.
func (f *openFlags) open(path string, ids []age.Identity) (keygen.ShareFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return keygen.ShareFile{}, errorf("reading a share: %w", err)
	}
	s, err := keygen.OpenShare(bytes.NewReader(text), ids...)
	switch {
	case errors.Is(err, keygen.ErrWrongKey):
		return s, withHint(errorf("%s: %w", path, err), "the identity or passphrase of this cosigner; each share has its own")
	case errors.Is(err, keygen.ErrDamaged):
		return s, withHint(errorf("%s: %w", path, err), "a backup of this share file; never edit or patch it")
	case err != nil:
		return s, errorf("%s: %w", path, err)
	}
	return s, nil
}

func readPassphrase(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", errorf("reading a passphrase: %w", err)
	}
	defer clear(text)
	passphrase := strings.TrimRight(string(text), "\r\n")
	if passphrase == "" {
		return "", errorf("reading a passphrase: %s is empty", path)
	}
	return passphrase, nil
}
