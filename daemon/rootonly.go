package daemon

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// onlyRootWrites returns why somebody else than root can change what stands at the path, or put
// something else there: the file, a link that leads to it, or a folder above either is theirs. A
// process that is not root's is no gate, and may be asked about any file.
func onlyRootWrites(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if _, err := filepath.EvalSymlinks(path); err != nil { // also where links lead in circles
		return fmt.Errorf("reading settings: %w", err)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("reading settings: %w", err)
	}
	return rootOwns(path)
}

// rootOwns is onlyRootWrites for an absolute path.
func rootOwns(path string) error {
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil {
			return fmt.Errorf("reading settings: %w", err)
		}
		if err := rootKeeps(at, info); err != nil {
			return fmt.Errorf("%s: a gate goes by what stands there, so only root may be able to change it, not the agent's "+
				"user: %w", path, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(at)
			if err != nil {
				return fmt.Errorf("reading settings: %w", err)
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(at), target)
			}
			if err := rootOwns(target); err != nil {
				return err
			}
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

// rootKeeps returns why somebody else can change this one file, folder or link. In a folder with
// the sticky bit, as /tmp is, nobody can replace what is another's.
func rootKeeps(path string, info fs.FileInfo) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid != 0 {
		return fmt.Errorf("%s is not root's: `chown root: %s`", path, path)
	}
	open := info.Mode().Perm()&0o022 != 0 && info.Mode()&(fs.ModeSymlink|fs.ModeSticky) == 0
	if open {
		return fmt.Errorf("others than root may write %s: `chmod go-w %s`", path, path)
	}
	return nil
}
