package launcher_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"casper-cosigner/stock/launcher"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestVersion(t *testing.T) {
	for text, want := range map[string]string{"2_0_3": "2.0.3", "1_10_0": "1.10.0", "2.2.2": "2.2.2", "2_0": "",
		"2_0_3_1": "", "2_0_x": "", "02_0_3": "", "": "", "2_0_-1": "", "validator_keys": ""} {
		v, err := launcher.ParseVersion(text)
		if want == "" && err == nil || want != "" && v.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, v, err, want)
		}
	}
}

// TestUpcoming: what runs by the launcher's file, and what is staged above it.
func TestUpcoming(t *testing.T) {
	f := launcher.Folders{Binaries: t.TempDir(), Settings: t.TempDir()}
	var all []launcher.Version
	for _, name := range []string{"2_10_0", "2_2_0", "1_5_8"} {
		v, err := launcher.ParseVersion(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, f.Binary(v), "")
		all = append(all, v)
	}
	slices.Reverse(all) // ascending
	write(t, filepath.Join(f.Binaries, "README.md"), "")
	write(t, filepath.Join(f.Binaries, "3_0_0", "no-program"), "")
	check := func(state string, want ...launcher.Version) {
		t.Helper()
		if state != "" {
			write(t, filepath.Join(f.Settings, launcher.StateFile), state)
		}
		if got, err := f.Upcoming(); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	check("", all[2])
	// As toml::to_string_pretty writes the launcher's enum.
	check("mode = 'RunNodeAsValidator'\nversion = '1.5.8'\nbinary_path = '/x'\nconfig_path = '/y'\n", all...)
	check("mode = 'MigrateData'\n\n[old_info]\nversion = '1.5.8'\nbinary_path = '/x'\nconfig_path = '/y'\n\n"+
		"[new_info]\nversion = '2.2.0'\nbinary_path = '/x'\nconfig_path = '/y'\n", all[1:]...)
	write(t, filepath.Join(f.Settings, launcher.StateFile), "mode = 'Else'\n")
	if _, err := f.Upcoming(); err == nil {
		t.Error("an unknown mode")
	}
}
