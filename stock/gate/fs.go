package gate

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"casper-cosigner/stock/journal"
)

// Node ids. The kernel knows a file by its id, as long as it remembers it.
const (
	rootNode  = fuse.FUSE_ROOT_ID
	probeNode = rootNode + 1
	firstNode = probeNode
)

// ProbeName is a file that is always there and not listed. What is written to it is refused,
// always.
const ProbeName = ".gate-probe"

// tree is the Gate as the kernel's FUSE asks for it. Whatever is not a method here is not possible:
// the embedded one knows none of it (ENOSYS).
type tree struct {
	fuse.RawFileSystem
	*Gate
}

func newTree(g *Gate) tree { return tree{fuse.NewDefaultRawFileSystem(), g} }

// String returns the name under which the kernel lists the file system.
func (t tree) String() string { return fsType }

// Lookup finds a file by its name.
func (t tree) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if in.NodeId != rootNode {
		return fuse.ENOTDIR
	}
	if name == ProbeName {
		out.NodeId, out.Attr = probeNode, t.attr(probeNode, 0, time.Time{})
		return fuse.OK
	}
	t.mu.Lock()
	f := t.names[name]
	if f != nil {
		f.seen++
	}
	t.mu.Unlock()
	if f == nil {
		return fuse.ENOENT
	}
	status := t.fill(f, out)
	if status != fuse.OK {
		t.Forget(f.node, 1)
	}
	return status
}

func (t tree) fill(f *file, out *fuse.EntryOut) fuse.Status {
	size, changed, err := f.stat()
	if err != nil {
		return t.failed(err)
	}
	out.NodeId, out.Attr = f.node, t.attr(f.node, size, changed)
	return fuse.OK
}

// Forget ends what Lookup and Create began.
func (t tree) Forget(node, times uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.nodes[node]
	if f == nil {
		return
	}
	if f.seen -= min(times, f.seen); f.seen == 0 && t.names[f.name] != f {
		delete(t.nodes, node)
		f.close()
	}
}

// GetAttr tells sizes. Nothing is cached.
func (t tree) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return t.getAttr(in.NodeId, out)
}

func (t tree) getAttr(node uint64, out *fuse.AttrOut) fuse.Status {
	if node == rootNode || node == probeNode {
		out.Attr = t.attr(node, 0, time.Time{})
		return fuse.OK
	}
	f := t.file(node)
	if f == nil {
		return fuse.ENOENT
	}
	size, changed, err := f.stat()
	if err != nil {
		return t.failed(err)
	}
	out.Attr = t.attr(node, size, changed)
	return fuse.OK
}

// SetAttr cuts a file to the size that it has, and changes nothing else.
func (t tree) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	const owned = fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_GID
	f := t.file(in.NodeId)
	if f == nil || in.Valid&fuse.FATTR_SIZE == 0 || in.Valid&owned != 0 {
		return fuse.EPERM
	}
	if err := f.truncate(in.Size); err != nil {
		return t.failed(err)
	}
	return t.getAttr(in.NodeId, out)
}

// Create makes an empty unit file, or opens the one that there is.
func (t tree) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if in.NodeId != rootNode {
		return fuse.ENOTDIR
	}
	if _, err := journal.ParseName(name, t.settings.Key); err != nil {
		t.settings.Log.Error().Err(err).Msg("a file is not created: the node and the gate do not go together")
		return fuse.EPERM
	}
	t.mu.Lock()
	f := t.names[name]
	if f == nil {
		f = t.enter(name)
	}
	f.seen++
	t.mu.Unlock()
	if status := t.take(f, &out.OpenOut); status != fuse.OK {
		t.Forget(f.node, 1)
		return status
	}
	return t.fill(f, &out.EntryOut)
}

// Open opens a unit file, or the probe.
func (t tree) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if in.NodeId == probeNode {
		t.enterHandle(&handle{pen: journal.Blank()}, out)
		return fuse.OK
	}
	f := t.file(in.NodeId)
	if f == nil {
		return fuse.ENOENT
	}
	return t.take(f, out)
}

func (t tree) take(f *file, out *fuse.OpenOut) fuse.Status {
	if err := f.open(); err != nil {
		t.settings.Log.Error().Err(err).Str("file", f.name).Msg("a unit file cannot be opened")
		return t.failed(err)
	}
	if t.alone(f) {
		f.merge()
	}
	t.enterHandle(&handle{file: f, pen: f.pen()}, out)
	return fuse.OK
}

// alone reports whether nobody has the file open.
func (t tree) alone(f *file) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.pens {
		if h.file == f {
			return false
		}
	}
	return true
}

// enterHandle gives a handle its number. Direct I/O keeps the kernel from answering from memory,
// and from shared mappings, which could be written to without a word.
func (t tree) enterHandle(h *handle, out *fuse.OpenOut) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out.Fh, out.OpenFlags = t.next, fuse.FOPEN_DIRECT_IO
	t.pens[t.next] = h
	t.next++
}

// Read reads whole entries.
func (t tree) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	h := t.handle(in.Fh)
	if h == nil {
		return nil, fuse.EBADF
	}
	if h.file == nil {
		return fuse.ReadResultData(nil), fuse.OK
	}
	n, err := h.file.read(buf[:min(len(buf), int(in.Size))], int64(in.Offset))
	if err != nil {
		return nil, t.failed(err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write takes all of it or nothing. Its error is EIO, whatever the reason is.
func (t tree) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h := t.handle(in.Fh)
	if h == nil {
		return 0, fuse.EBADF
	}
	if in.WriteFlags&fuse.WRITE_CACHE != 0 { // from the kernel's memory: not what a node writes, nor when
		return 0, fuse.EIO
	}
	if err := h.write(data); err != nil {
		return 0, fuse.EIO
	}
	return uint32(len(data)), fuse.OK
}

// Release ends a handle. What it began to write and did not end is gone.
func (t tree) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.pens, in.Fh)
}

// Unlink deletes a file: casper-node does that with those of eras that are over.
func (t tree) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	t.mu.Lock()
	f := t.names[name]
	t.mu.Unlock()
	switch {
	case name == ProbeName:
		return fuse.EPERM
	case f == nil:
		return fuse.ENOENT
	}
	if err := f.remove(); err != nil {
		return t.failed(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.names, name)
	if f.seen == 0 {
		delete(t.nodes, f.node)
	}
	return fuse.OK
}

// OpenDir opens the folder.
func (t tree) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	if in.NodeId != rootNode {
		return fuse.ENOTDIR
	}
	return fuse.OK
}

// ReadDir lists the files. What is deleted meanwhile does not hide others: an entry's place is its
// node's id.
func (t tree) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	t.mu.Lock()
	var files []*file
	for _, f := range t.names {
		if f.node > in.Offset {
			files = append(files, f)
		}
	}
	t.mu.Unlock()
	slices.SortFunc(files, func(a, b *file) int { return int(a.node) - int(b.node) })
	for _, f := range files {
		e := fuse.DirEntry{Name: f.name, Ino: f.node, Mode: syscall.S_IFREG, Off: f.node}
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

// StatFs says nothing that anybody could go by, but says it: du and df ask.
func (t tree) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.NameLen = 4096, 255
	return fuse.OK
}

// file returns the file of a node id, or nil.
func (t tree) file(node uint64) *file {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.nodes[node]
}

func (t tree) handle(number uint64) *handle {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pens[number]
}

// attr returns what is shown of a node. The node's group may read, as agents do.
func (t tree) attr(node uint64, size int64, changed time.Time) fuse.Attr {
	a := fuse.Attr{Ino: node, Size: uint64(size), Blocks: uint64(size+511) / 512, Blksize: 4096, Nlink: 1,
		Owner: fuse.Owner{Uid: t.owner.uid, Gid: t.owner.gid}, Mode: syscall.S_IFREG | 0o640}
	switch node {
	case rootNode:
		a.Mode, a.Nlink = syscall.S_IFDIR|0o750, 2
	case probeNode:
		a.Mode = syscall.S_IFREG | 0o600
	}
	if !changed.IsZero() {
		a.SetTimes(&changed, &changed, &changed)
	}
	return a
}

// failed turns an error into what the kernel is told.
func (t tree) failed(err error) fuse.Status {
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fuse.ENOENT
	case errors.As(err, &errno):
		return fuse.Status(errno)
	}
	return fuse.EIO
}
