package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// Binaries knows which programs passed the drill.
type Binaries interface {
	// Drilled must report whether a program with that SHA-256 showed that it sends nothing of its
	// own that it could not write.
	Drilled(hash [sha256.Size]byte) bool
}

// Custody has the key where it lies on no disk of this host.
type Custody interface {
	// Key must return the text of the key file, for this one start of the node. It must return when
	// ctx ends. Who calls wipes the text.
	Key(ctx context.Context) ([]byte, error)
}

// Secret says where the validator's key is, and to which programs it may be given.
type Secret struct {
	File     string   // the key file, which only root can read; it is served under its own name
	Folder   string   // where nodes find it
	Custody  Custody  `json:"-"` // nil if the file is there; else only its name counts
	Binaries Binaries `json:"-"` // which programs may have it
}

// custodyPatience is how long a node that starts waits for what cosigners keep. Their next leader
// is there in a second or two.
const custodyPatience = 30 * time.Second

// text returns what the key file holds. It ends when the node gave up.
func (s Secret) text(cancel <-chan struct{}) ([]byte, error) {
	if s.Custody == nil {
		return os.ReadFile(s.File)
	}
	ctx, end := context.WithTimeout(context.Background(), custodyPatience)
	defer end()
	go func() {
		select {
		case <-cancel:
			end()
		case <-ctx.Done():
		}
	}()
	return s.Custody.Key(ctx)
}

// secretTree is a folder with the key file. Who opens that gets it only if it is a casper-node that
// writes into the unit files of this gate, so that without a gate there is no key.
type secretTree struct {
	fuse.RawFileSystem
	secret Secret
	device int // of the gate's unit files
	owner  owner
	log    zerolog.Logger

	mu   sync.Mutex // guards what follows
	open map[uint64][]byte
	next uint64
}

const secretNode = fuse.FUSE_ROOT_ID + 1

func newSecretTree(s Secret, device int, o owner, log zerolog.Logger) *secretTree {
	return &secretTree{RawFileSystem: fuse.NewDefaultRawFileSystem(), secret: s, device: device, owner: o, log: log,
		open: map[uint64][]byte{}, next: 1}
}

// String returns the name under which the kernel lists the file system.
func (t *secretTree) String() string { return fsType }

// admit tells why a process does not get the key. One of another container, which this one cannot
// see, has the id 0.
func (t *secretTree) admit(proc string) error {
	c, err := callerAt(proc)
	if err != nil {
		return err
	}
	path, err := c.unitFiles()
	if err != nil {
		return err
	}
	device, err := c.device(path)
	if err != nil {
		return fmt.Errorf("where it keeps its unit files: %w", err)
	}
	if device != t.device {
		return fmt.Errorf("it keeps its unit files in %s, where this gate does not stand", path)
	}
	hash, err := c.hash()
	if err != nil {
		return err
	}
	if !t.secret.Binaries.Drilled(hash) {
		return fmt.Errorf("its program, SHA-256 %x, has not passed the drill: `casper-cosigner gate drill` shows whether "+
			"it does", hash)
	}
	return nil
}

// Lookup finds the key file.
func (t *secretTree) Lookup(_ <-chan struct{}, _ *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if name != filepath.Base(t.secret.File) {
		return fuse.ENOENT
	}
	out.NodeId, out.Attr = secretNode, t.attr(secretNode)
	return fuse.OK
}

// GetAttr shows the node's user as the owner, and no size: who reads, reads to the end.
func (t *secretTree) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.Attr = t.attr(in.NodeId)
	return fuse.OK
}

func (t *secretTree) attr(node uint64) fuse.Attr {
	a := fuse.Attr{Ino: node, Nlink: 1, Mode: syscall.S_IFREG | 0o400}
	a.Owner = fuse.Owner{Uid: t.owner.uid, Gid: t.owner.gid}
	if node != secretNode {
		a.Mode = syscall.S_IFDIR | 0o500
	}
	return a
}

// Open reads the key for a process that may have it.
func (t *secretTree) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if in.NodeId != secretNode || in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return fuse.EPERM
	}
	began := time.Now()
	if err := t.admit(fmt.Sprintf("/proc/%d", in.Pid)); err != nil {
		t.log.Error().Err(err).Uint32("pid", in.Pid).Msg("a process does not get the validator's key")
		return fuse.EACCES
	}
	text, err := t.secret.text(cancel)
	if err != nil {
		t.log.Error().Err(err).Msg("the validator's key cannot be had")
		return fuse.EIO
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out.Fh, out.OpenFlags = t.next, fuse.FOPEN_DIRECT_IO
	t.open[t.next] = text
	t.next++
	t.log.Info().Uint32("pid", in.Pid).Dur("took", time.Since(began)).
		Msg("a node behind this gate gets the validator's key")
	return fuse.OK
}

// Read reads what Open read.
func (t *secretTree) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.open[in.Fh]
	n := copy(buf, text[min(in.Offset, uint64(len(text))):])
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Release forgets it.
func (t *secretTree) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.open[in.Fh])
	delete(t.open, in.Fh)
}

// noKeyBelow refuses a key file that lies in the folder itself: it is there whenever the gate is
// not, for a node that is started without one.
func noKeyBelow(point, name string) error {
	below, err := beneath(point)
	if err != nil {
		return err
	}
	defer below.Close()
	names, err := below.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, at := range names {
		if at == name || strings.HasSuffix(at, ".pem") && holdsKey(below, at) {
			return fmt.Errorf("a key file lies in %s itself, below what is mounted there, where a node without a gate finds "+
				"it: umount %s, and move %s to where the gate reads it, or away", point, point, at)
		}
	}
	return nil
}

// holdsKey reports whether the file holds a secret key, as far as can be told; the public one
// usually lies beside it.
func holdsKey(folder *os.File, name string) bool {
	fd, err := unix.Openat(int(folder.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return true
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	defer clear(text)
	return err != nil || bytes.Contains(text, []byte("PRIVATE KEY"))
}

// serveSecret mounts the key file's folder over an empty read-only one.
func (g *Gate) serveSecret(unitFiles string) (*fuse.Server, error) {
	s := *g.settings.Secret
	if s.Binaries == nil {
		return nil, errors.New("nobody says which programs passed the drill")
	}
	at, err := mountsAt(unitFiles)
	if err != nil {
		return nil, err
	}
	if len(at) == 0 || at[len(at)-1].fsType != fsType {
		return nil, errors.New("the unit files are not mounted")
	}
	point, err := pointOf(s.Folder)
	if err != nil {
		return nil, err
	}
	if err := shut(point); err != nil {
		return nil, err
	}
	if err := noKeyBelow(point, filepath.Base(s.File)); err != nil {
		return nil, err
	}
	return g.attach(newSecretTree(s, at[len(at)-1].minor, g.owner, g.settings.Log), point, unitFiles)
}
