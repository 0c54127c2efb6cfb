package gate

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// shutSource is what mountinfo says of the empty file system below the gate's.
const shutSource = "casper-gate-shut"

// maxIO bounds a read or a write. The kernel cuts longer ones in parts.
const maxIO = 128 << 10

// Run serves the unit files until ctx ends. ready, if it is not nil, is called once the node may
// start.
//
// Whatever ends it, the node can write nothing from then on: below the file system lies a read-only
// one, which stays. Files that the node has open answer ENOTCONN until the node opens new ones.
func (g *Gate) Run(ctx context.Context, ready func()) error {
	lock, err := g.Open()
	if err != nil {
		return err
	}
	defer lock.Close()
	server, point, err := g.mount()
	if err != nil {
		return fmt.Errorf("mounting over %s: %w", g.settings.UnitFiles, err)
	}
	g.settings.Log.Info().Str("unit_files", point).Int("files", len(g.names)).Msg("the gate stands")
	ended := make(chan struct{}, 2)
	serve := func(server *fuse.Server) {
		server.Serve()
		ended <- struct{}{}
	}
	go serve(server)
	if g.settings.Secret != nil {
		server, err := g.serveSecret(point)
		if err != nil {
			return errors.Join(fmt.Errorf("mounting over %s: %w", g.settings.Secret.Folder, err), Detach(point))
		}
		go serve(server)
	}
	if ready != nil {
		ready()
	}
	select {
	case <-ctx.Done():
		return Detach(point)
	case <-ended:
		return errors.Join(errors.New("the gate's file system was unmounted or aborted from outside"), Detach(point))
	}
}

// Detach takes dead and living gates' file systems off a node's unit files, and off the key file
// that such a gate serves. It leaves the read-only ones that lie below.
func Detach(unitFiles string) error {
	point, err := pointOf(unitFiles)
	if err != nil {
		return err
	}
	all, err := mounts()
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(all) { // the key's first
		if m.fsType != fsType || m.point != point && m.source != sourceOf(point) {
			continue
		}
		if err := unix.Unmount(m.point, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmounting %s: %w", m.point, err)
		}
	}
	return nil
}

// sourceOf is what mountinfo says of all that a gate mounts, by which its connections are found.
func sourceOf(point string) string { return "casper-gate:" + point }

// pointOf resolves the path up to its last element, which may be a dead file system.
func pointOf(unitFiles string) (string, error) {
	parent, err := filepath.EvalSymlinks(filepath.Dir(unitFiles))
	if err != nil {
		return "", fmt.Errorf("the storage folder of the node must be there, owned by the node's user: %w", err)
	}
	if parent, err = filepath.Abs(parent); err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(unitFiles)), nil
}

// mount prepares the path and mounts. Nothing is served yet.
func (g *Gate) mount() (*fuse.Server, string, error) {
	point, err := pointOf(g.settings.UnitFiles)
	if err != nil {
		return nil, "", err
	}
	if err := Detach(point); err != nil {
		return nil, "", err
	}
	var storage unix.Stat_t
	if err := unix.Stat(filepath.Dir(point), &storage); err != nil {
		return nil, "", err
	}
	g.owner = owner{storage.Uid, storage.Gid}
	if err := shut(point); err != nil {
		return nil, "", err
	}
	below, err := beneath(point)
	if err != nil {
		return nil, "", err
	}
	defer below.Close()
	if err := g.nothingUnclaimed(below); err != nil {
		return nil, "", err
	}
	server, err := g.attach(newTree(g), point, point)
	return server, point, err
}

// shut mounts a read-only empty file system, if it is not there yet. Whatever is at the path then
// is out of everybody's reach, and root can write there as little as others.
func shut(point string) error {
	at, err := mountsAt(point)
	if err != nil {
		return err
	}
	if n := len(at); n > 0 {
		if at[n-1].source == shutSource {
			return nil
		}
		return fmt.Errorf("a file system of type %s is mounted there already", at[n-1].fsType)
	}
	if err := os.Mkdir(point, 0o555); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return unix.Mount(shutSource, point, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC,
		"size=4k,mode=0555")
}

// beneath opens the folder that lies below whatever is mounted at the path.
func beneath(point string) (*os.File, error) {
	// A copy of what the parent is on, without what is mounted on that. It is gone when it is
	// closed.
	tree, err := unix.OpenTree(unix.AT_FDCWD, filepath.Dir(point), unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("looking below what is mounted: %w", err)
	}
	defer unix.Close(tree) //nolint:errcheck // nothing was written
	flags := unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(tree, filepath.Base(point), flags, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), point), nil
}

// nothingUnclaimed refuses unit files that a node wrote without a gate: the gate would hide from
// the node what it signed. What the gate has to the byte is nothing new; a file of the same name
// may be: a node that runs without its gate for a while starts one from nothing.
func (g *Gate) nothingUnclaimed(folder *os.File) error {
	below, err := watchFolder(folder)
	if err != nil {
		return err
	}
	err = below.each(func(old *still) error {
		f := g.names[old.Name()]
		if f == nil {
			return g.unclaimed(old.Name(), "was written without a gate")
		}
		same, err := old.beginOf(f.path())
		if err == nil && !same {
			err = g.unclaimed(old.Name(), "holds what the gate's file of that era does not: its node ran without the gate")
		}
		return err
	})
	if err != nil {
		return err
	}
	return below.unchanged()
}

// unclaimed says what to do with an old unit file.
func (g *Gate) unclaimed(name, what string) error {
	at := g.settings.UnitFiles
	return fmt.Errorf("%s, below what is mounted at %s, %s, and nobody knows what it signed. Leave the node down, and: "+
		"systemctl stop casper-cosigner-gate; umount %s; casper-cosigner gate import %s; if that said yes, move the file "+
		"away, and start the gate",
		name, at, what, at,
		filepath.Join(at, name))
}

// attach mounts and answers the kernel's first question. It opens the device itself, closed to
// processes that are started: one that inherited it would keep the node hanging after the gate's
// end. All that a gate mounts has the path of the unit files in its source, by which Watch knows
// it.
func (g *Gate) attach(t fuse.RawFileSystem, point, unitFiles string) (*fuse.Server, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=%d,group_id=%d,max_read=%d,default_permissions,allow_other",
		fd, syscall.S_IFDIR, os.Getuid(), os.Getgid(), maxIO)
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	if err := unix.Mount(sourceOf(unitFiles), point, fsType, flags, options); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	server, err := fuse.NewServer(t, fmt.Sprintf("/dev/fd/%d", fd), &fuse.MountOptions{
		Logger:   log.New(g.settings.Log, "", 0),
		MaxWrite: maxIO, MaxBackground: 12, DisableXAttrs: true, DisableReadDirPlus: true, DisableSplice: true,
		// The kernel would read and write the stored file itself, past the gate; or open without
		// asking.
		DisabledCapabilities: fuse.CAP_PASSTHROUGH | fuse.CAP_WRITEBACK_CACHE | fuse.CAP_DIRECT_IO_ALLOW_MMAP |
			fuse.CAP_NO_OPEN_SUPPORT | fuse.CAP_RENAME_SWAP,
		// Nobody knows what is half done then. The process ends, and with it whatever waits for it.
		PanicHandler: func(what any) fuse.Status { panic(what) },
	})
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(point, unix.MNT_DETACH))
	}
	return server, nil
}
