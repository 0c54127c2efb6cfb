package daemon_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"casper-cosigner/daemon"
	"casper-cosigner/keygen"
)

// TestShareFiles: only this cosigner's share, of this validator and cluster, is taken; each other
// one is refused by name.
func TestShareFiles(t *testing.T) {
	l := newLocal(t, nil)
	path := filepath.Join(l.path, "cosigner-1")
	f, err := daemon.ReadCosignerFile(filepath.Join(path, "cosigner.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.OpenShare(l.File); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(path, "share.age"))
	if err != nil {
		t.Fatal(err)
	}
	identityText, err := os.ReadFile(filepath.Join(path, "share.identity"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(string(identityText)))
	if err != nil {
		t.Fatal(err)
	}
	seal := func(seed [32]byte, t2, n, i int, clusterID string) []byte {
		_, shares, err := keygen.Split(seed, t2, n, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := keygen.Seal(&b, keygen.NewShareFile(shares[i], 1, clusterID), identity.Recipient()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	other, err := os.ReadFile(filepath.Join(l.path, "cosigner-2", "share.age"))
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"another validator's":         {seal([32]byte{1}, 2, 3, 0, ""), "of validator"},
		"another cluster's":           {seal(l.seed, 2, 3, 0, "00"), "made for cluster"},
		"another cosigner's number":   {seal(l.seed, 2, 3, 1, ""), "number 2"},
		"another threshold":           {seal(l.seed, 3, 3, 0, ""), "3 of 3"},
		"for another age identity":    {other, "identity"},
		"with a flipped bit":          {flipped, "share"},
		"empty":                       {nil, "share"},
		"the identity in its place":   {identityText, "share"},
		"a plain text in its place":   {[]byte("hello"), "share"},
		"a share of 64 KiB and more":  {bytes.Repeat([]byte("A"), keygen.MaxFileSize+1), "share"},
		"of the right shape but cut":  {good[:len(good)-40], "share"},
		"with another file behind it": {append(bytes.Clone(good), good...), "share"},
	} {
		if err := os.WriteFile(filepath.Join(path, "share.age"), c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.OpenShare(l.File); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "AGE-SECRET") {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

// TestHostFiles: unknown keys and missing settings are all named.
func TestHostFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cosigner.toml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("name = \"c1\"\nshare = \"share.age\"\n")
	_, err := daemon.ReadCosignerFile(path)
	for _, want := range []string{"cluster is missing", "certificate is missing", "state is missing",
		"one of share_identity"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	write("name = \"c1\"\nstat = \"x\"\n")
	if _, err := daemon.ReadCosignerFile(path); err == nil || !strings.Contains(err.Error(), "stat") {
		t.Errorf("unknown key: got %v", err)
	}
	if _, err := daemon.ReadAgentFile(filepath.Join(t.TempDir(), "none.toml")); err == nil ||
		!strings.Contains(err.Error(), "--config") {
		t.Errorf("no file: got %v", err)
	}
}
