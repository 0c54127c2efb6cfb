package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/casper"
)

// TestGateFileIsRoots: a gate does not go by a cluster file, or settings, that somebody else can
// change: by the file, a folder, or a link to it.
func TestGateFileIsRoots(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give files away")
	}
	const agent = 12345
	give := func(name string) func(string) error {
		return func(dir string) error { return os.Lchown(filepath.Join(dir, name), agent, 0) }
	}
	open := func(name string, mode os.FileMode) func(string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, name), mode) }
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		change func(dir string) error
		want   string
	}{
		"root's":                      {func(string) error { return nil }, ""},
		"a sticky folder":             {open(".", 0o777|os.ModeSticky), ""},
		"the agent's cluster file":    {give("cluster.toml"), "chown root: "},
		"one that its group writes":   {open("cluster.toml", 0o664), "chmod go-w "},
		"one that all write":          {open("cluster.toml", 0o602), "chmod go-w "},
		"the agent's settings":        {give("gate.toml"), "chown root: "},
		"the agent's folder":          {give("."), "chown root: "},
		"a folder that all write":     {open(".", 0o777), "chmod go-w "},
		"the agent's folder above it": {give(".."), "chown root: "},
		"a link of root's": {func(dir string) error {
			return errors.Join(os.Rename(dir+"/cluster.toml", dir+"/real"), os.Symlink("real", dir+"/cluster.toml"))
		}, ""},
		"a link to what is the agent's": {func(dir string) error {
			other := filepath.Join(filepath.Dir(dir), "agent")
			return errors.Join(os.Mkdir(other, 0o700), os.Rename(dir+"/cluster.toml", other+"/cluster.toml"),
				os.Chown(other, agent, 0), os.Symlink("../agent/cluster.toml", dir+"/cluster.toml"))
		}, "chown root: "},
		"a link of the agent's": {func(dir string) error {
			return errors.Join(os.Rename(dir+"/cluster.toml", dir+"/real"), os.Symlink("real", dir+"/cluster.toml"),
				os.Lchown(dir+"/cluster.toml", agent, 0))
		}, "chown root: "},
	} {
		dir := filepath.Join(t.TempDir(), "etc")
		must(os.Mkdir(dir, 0o700))
		must(os.WriteFile(dir+"/cluster.toml", clustertest.New(t, casper.PublicKey{1}, nil).Text, 0o600))
		must(os.WriteFile(dir+"/gate.toml", []byte("cluster = 'cluster.toml'\nsocket = 's'\n"+
			"unit_files = 'u'\nfolder = 'f'\n"), 0o600))
		f, err := ReadGateFile(dir + "/gate.toml")
		must(err)
		must(tt.change(dir))
		_, err = f.Settings()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", name, err, tt.want)
		}
		if _, again := f.asker(); (again == nil) != (err == nil) {
			t.Errorf("%s: the asker: %v", name, again)
		}
	}
}
