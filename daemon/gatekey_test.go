package daemon

import (
	"os"
	"path/filepath"
	"testing"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/gate"
)

// TestGateKey: a gate serves the key file that its settings name, to programs that passed the drill
// and to no other, and none if they name none.
func TestGateKey(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("../testdata/node-1.secret_key.pem")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	own, err := casper.ParsePublicKey("01c6b1344a3fd2c89e1255d843d8535db28110ef49bf64efe0e284d288c7c18f42")
	if err != nil {
		t.Fatal(err)
	}
	f := &GateFile{KeyFile: "key.pem", KeyFolder: "keys", dir: dir}
	s, err := f.secret(own)
	if want := (gate.Secret{File: path, Folder: filepath.Join(dir, "keys"),
		Binaries: drill.Results("/var/lib/casper-cosigner-drill")}); err != nil || *s != want {
		t.Errorf("it serves %+v, %v; want %+v", s, err, want)
	}
	if s, err := f.secret(casper.PublicKey{1}); err == nil {
		t.Errorf("another validator's key is served: %+v", s)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if s, err := f.secret(own); err == nil {
		t.Errorf("a key that others may read is served: %+v", s)
	}
	link := filepath.Join(dir, "link.pem")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	f.KeyFile = "link.pem"
	if s, err := f.secret(own); err == nil {
		t.Errorf("a link is served: %+v", s)
	}
	if s, err := (&GateFile{}).secret(own); s != nil || err != nil {
		t.Errorf("without a key file: %+v, %v", s, err)
	}
}
