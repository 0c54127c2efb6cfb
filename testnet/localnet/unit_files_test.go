package localnet

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, text string, path ...string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(path...), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestKeepUnitFiles(t *testing.T) {
	dir := t.TempDir()
	from, into := filepath.Join(dir, "unit_files"), filepath.Join(dir, "kept")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- KeepUnitFiles(ctx, from, into) }()
		time.Sleep(time.Second) // there is no folder yet
		if err := os.Mkdir(from, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, "era 1", from, "unit_1.dat")
		write(t, "something else", from, "other")
		time.Sleep(time.Second)
		write(t, ", more", from, "unit_1.dat")
		if err := os.Remove(filepath.Join(from, "unit_1.dat")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		write(t, "made anew", from, "unit_1.dat")
		time.Sleep(time.Second)
		write(t, "era 2", from, "unit_2.dat")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for name, want := range map[string]string{"unit_1.dat": "era 1, more", "2/unit_1.dat": "made anew",
		"unit_2.dat": "era 2"} {
		if got, err := os.ReadFile(filepath.Join(into, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	files, err := os.ReadDir(into)
	if err != nil || len(files) != 3 {
		t.Errorf("kept %v, %v", files, err)
	}
}
