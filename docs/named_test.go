package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNamed: each test that README and the page behind its table name exists.
func TestNamed(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	safety, err := os.ReadFile("safety.md")
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	declares := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declares.FindAllSubmatch(text, -1) {
			exist[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(append(readme, safety...), -1)
	for _, m := range named {
		if !exist[string(m[1])] {
			t.Errorf("README.md or safety.md names %s, which is no test", m[1])
		}
	}
	if len(named) < 10 {
		t.Errorf("README.md and safety.md name %d tests: has the table moved?", len(named))
	}
}
