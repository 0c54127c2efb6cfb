package health

import (
	"crypto/ed25519"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"casper-cosigner/rule/casper"
)

// secret returns a secret key's file as casper-node writes it (RFC 8410, section 7), and
// its public key.
func secret(seed byte) ([]byte, casper.PublicKey) {
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
	der := append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), key.Seed()...)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		casper.PublicKey(key.Public().(ed25519.PublicKey))
}

// tree writes files below a new folder.
func tree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLeftover(t *testing.T) {
	ours, validator := secret('a')
	other, _ := secret('b')
	root := tree(t, map[string][]byte{
		"etc/1_0_0/keys/secret_key.pem": other, "etc/2_0_0/keys/secret_key.pem": ours, "etc/2_0_0/keys/.hidden.pem": ours,
		"etc/3_0_0/keys/secret_key.pem": []byte("-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n"),
		"public_key.pem":                []byte("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"),
		"public_key_hex":                []byte(validator.String()), "empty.pem": nil,
		"large.pem":    append(slices.Clone(ours), strings.Repeat("\n", keySize)...),
		"full.pem":     append(slices.Clone(ours), strings.Repeat("\n", keySize-len(ours))...),
		"copy [1].pem": ours, "twice.bad": append(slices.Clone(ours), ours...), "cut.bad": ours[:len(ours)-40],
	})
	if err := os.Mkdir(filepath.Join(root, "folder.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"loop": "loop", "link.pem": "etc/2_0_0/keys/secret_key.pem",
		"dangling.pem": "nothing"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		globs  []string
		want   string
		unread []string
	}{
		"no globs":              {nil, "", nil},
		"its path":              {[]string{"etc/2_0_0/keys/secret_key.pem"}, "etc/2_0_0/keys/secret_key.pem", nil},
		"another key":           {[]string{"etc/1_0_0/keys/secret_key.pem"}, "", nil},
		"a key of another kind": {[]string{"etc/3_0_0/keys/secret_key.pem"}, "", nil},
		"among others":          {[]string{"etc/*/keys/*.pem"}, "etc/2_0_0/keys/.hidden.pem", nil},
		"in several versions":   {[]string{"etc/[0-9]_0_?/keys/secret_key.pem"}, "etc/2_0_0/keys/secret_key.pem", nil},
		"the second glob":       {[]string{"etc/1*/keys/*", "link.pem"}, "link.pem", nil},
		"public keys":           {[]string{"public*"}, "", nil},
		"nothing of that name": {[]string{"none.pem", "none/*.pem", "none/*/x.pem", "empty.pem/x", "empty.pem/*"}, "",
			nil},
		"neither empty nor a key":  {[]string{"empty.pem", "folder.pem", "pipe.pem", "dangling.pem"}, "", nil},
		"not as casper-node reads": {[]string{"*.bad"}, "", nil},
		"as large as may be":       {[]string{"full.pem"}, "full.pem", nil},
		"larger than a key":        {[]string{"large.pem"}, "", nil},
		"a glob's signs in names":  {[]string{`copy \[1\].pem`}, "copy [1].pem", nil},
		"a file not to be seen":    {[]string{"loop", "link.pem"}, "link.pem", []string{"loop"}},
		"a folder not to be seen": {[]string{"loop/*.pem", "etc/*/keys/*_key.pem"}, "etc/2_0_0/keys/secret_key.pem",
			[]string{"loop"}},
		"below one":            {[]string{"loop/secret_key.pem"}, "", []string{"loop/secret_key.pem"}},
		"a folder and no name": {[]string{"etc*/"}, "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var globs []string
			for _, g := range test.globs {
				globs = append(globs, root+"/"+g)
			}
			path, failed := leftover(globs, validator)
			var unread []string
			for name := range maps.Keys(failed) {
				unread = append(unread, strings.TrimPrefix(name, root+"/"))
			}
			if path = strings.TrimPrefix(path, root+"/"); path != test.want || !slices.Equal(unread, test.unread) {
				t.Errorf("found %q, unread %v, want %q, %v", path, failed, test.want, test.unread)
			}
		})
	}
}

// TestKeys: keys are looked for at the start and each minute.
func TestKeys(t *testing.T) {
	ours, validator := secret('a')
	root := tree(t, map[string][]byte{"secret_key.pem": ours})
	path := filepath.Join(root, "secret_key.pem")
	if err := os.Symlink("loop", filepath.Join(root, "loop.pem")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop.pem", filepath.Join(root, "loop")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := watch(t, Config{KeyFiles: []string{root + "/*.pem"}, Validator: validator}, &node{})
		after(time.Millisecond)
		if h := r.Health(time.Now()); h.GetLeftoverKey() != path {
			t.Errorf("at the start: %v", h)
		}
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		after(59 * time.Second)
		if h := r.Health(time.Now()); h.GetLeftoverKey() != path {
			t.Errorf("looked before its time: %v", h)
		}
		after(time.Second)
		if h := r.Health(time.Now()); h.GetLeftoverKey() != "" {
			t.Errorf("it is gone: %v", h)
		}
		if err := os.WriteFile(filepath.Join(root, "\xff.pem"), ours, 0o600); err != nil {
			t.Fatal(err)
		}
		after(10 * time.Minute)
		h := r.Health(time.Now())
		if _, err := proto.Marshal(h); err != nil || h.GetLeftoverKey() != filepath.Join(root, "\uFFFD.pem") {
			t.Errorf("a name that is not text: %v, %v", h, err)
		}
		if r.told("cannot see") != 1 || r.told("lies on this host: whatever") != 2 || r.told("no longer lies") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}
