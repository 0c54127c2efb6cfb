package health

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"casper-cosigner/rule/casper"
)

// keySize is more than a key file can have, in bytes.
const keySize = 16 << 10

// leftover returns the first file matching one of the globs that holds the validator's secret key,
// empty if none does. Files that are not casper-node's key files, or hold another key, are none of
// its business. What could not be looked at is told by path, since there the key may lie unseen.
func leftover(globs []string, validator casper.PublicKey) (path string, unread map[string]error) {
	unread = map[string]error{}
	for _, glob := range globs {
		for _, name := range expand(glob, unread) {
			held, err := holds(name, validator)
			switch {
			case err != nil && !gone(err):
				unread[name] = err
			case held && path == "":
				path = name
			}
		}
	}
	return path, unread
}

// expand lists the paths that match the glob. Unlike filepath.Glob, it tells which folders
// could not be read.
func expand(glob string, unread map[string]error) []string {
	const signs = `*?[\`
	if !strings.ContainsAny(glob, signs) {
		return []string{glob}
	}
	folder, last := filepath.Split(glob)
	var names []string
	for _, folder := range expand(filepath.Clean(folder), unread) {
		if !strings.ContainsAny(last, signs) {
			names = append(names, filepath.Join(folder, last))
			continue
		}
		entries, err := os.ReadDir(folder)
		if err != nil && !gone(err) {
			unread[folder] = err
		}
		for _, e := range entries {
			if ok, err := filepath.Match(last, e.Name()); ok && err == nil {
				names = append(names, filepath.Join(folder, e.Name()))
			}
		}
	}
	return names
}

// gone reports whether there is nothing of that name, or no longer.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// holds reports whether the file holds the validator's secret key.
func holds(path string, validator casper.PublicKey) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() > keySize {
		return false, nil // not a key file, and reading a pipe may never end
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	text := make([]byte, keySize+1)
	defer clear(text)
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	seed, err := casper.ParseSecretKeyPEM(text[:n])
	if err != nil {
		return false, nil
	}
	defer clear(seed[:])
	key := ed25519.NewKeyFromSeed(seed[:])
	defer clear(key)
	return casper.PublicKey(key.Public().(ed25519.PublicKey)) == validator, nil
}

// checkGlob refuses a glob that can match nothing.
func checkGlob(glob string) error {
	if _, err := filepath.Match(glob, ""); err != nil {
		return fmt.Errorf("%q: %w", glob, err)
	}
	return nil
}

// watchKeys looks for leftover keys. The log tells what is found, and what cannot be read, once.
func (w *Watcher) watchKeys(ctx context.Context) {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	told := map[string]bool{}
	for {
		path, unread := leftover(w.KeyFiles, w.Validator)
		for name, err := range unread {
			if !told[name] {
				told[name] = true
				w.Logger.Warn().Err(err).Str("path", name).Msg("cannot see whether a secret key of the validator lies here")
			}
		}
		w.noteKey(printable(path, pathSize))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watcher) noteKey(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case path == w.node.LeftoverKey:
	case path != "":
		w.Logger.Error().Str("path", path).
			Msg("the validator's secret key lies on this host: whatever signs with it signs beside the cosigners; destroy it")
	default:
		w.Logger.Info().Str("path", w.node.LeftoverKey).Msg("the secret key no longer lies on this host")
	}
	w.node.LeftoverKey = path
}
