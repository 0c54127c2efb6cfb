package daemon

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"syscall"

	"casper-cosigner/rule/casper"
	"casper-cosigner/stock/drill"
	"casper-cosigner/stock/gate"
)

// keyName is how the key file is called that lies nowhere: secret_key_path must end with it.
const keyName = "secret_key.pem"

// secret is the key file that the gate serves, nil if the settings name none. A mistake shows here,
// and not when a node wants to start.
func (f *GateFile) secret(validator casper.PublicKey) (*gate.Secret, error) {
	if f.KeyFolder == "" {
		return nil, nil
	}
	if f.KeyFile == "" { // the cosigners keep it; see takeCustody
		return &gate.Secret{File: keyName, Folder: resolve(f.dir, f.KeyFolder), Binaries: drill.Results(drill.Folder)}, nil
	}
	s := &gate.Secret{File: resolve(f.dir, f.KeyFile), Folder: resolve(f.dir, f.KeyFolder),
		Binaries: drill.Results(drill.Folder)}
	if err := checkKeyFile(s.File, validator); err != nil {
		return nil, fmt.Errorf("key_file %s: %w", s.File, err)
	}
	return s, nil
}

// checkKeyFile returns why the gate must not serve this file: nobody but the user that it runs as,
// root, may read it, or a node finds it without a gate; and it must be the validator's key.
func checkKeyFile(path string, validator casper.PublicKey) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() {
		return errors.New("only root may read the key file, or a node finds it without its gate: " +
			"`chown root: FILE; chmod 600 FILE`")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	defer clear(text)
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		return err
	}
	defer clear(seed[:])
	key := ed25519.NewKeyFromSeed(seed[:])
	defer clear(key)
	if own := casper.PublicKey(key.Public().(ed25519.PublicKey)); own != validator {
		return fmt.Errorf("it is the key of %v, the cluster file is for %v", own, validator)
	}
	return nil
}
