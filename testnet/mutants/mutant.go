package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errStale says that the lines which a mutant replaces are not in the file exactly once.
var errStale = errors.New("stale")

// Mutant is one way to break the code, and the test that must notice.
type Mutant struct {
	// Name says in a few words which rule is broken.
	Name string
	// Why says what would go wrong in production.
	Why string
	// File is the path of the broken file from the module's root.
	File string
	// Test is what must turn red.
	Test Test
	// Edits are applied in order.
	Edits []Edit
}

// Test names tests of one package as go test does.
type Test struct {
	// Package is a path from the module's root, such as ./rule/watermark.
	Package string
	// Run is the regular expression for -run.
	Run string
}

// String writes the test as it stands in a .mutant file.
func (t Test) String() string { return t.Package + " -run " + t.Run }

// Edit replaces whole lines.
type Edit struct {
	Old, New string
}

// Parse reads a .mutant file: lines of "key: value" for name, why, file and test, empty lines and
// lines that start with
// # between them, then one or more edits:
//
//	test: ./rule/watermark -run ^TestFloor$
//	--- old
//	lines that the file holds exactly once
//	--- new
//	lines to put there, possibly none
//	--- end
func Parse(text string) (Mutant, error) {
	var m Mutant
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if line == "--- old" {
			edit, used, err := parseEdit(lines[i+1:])
			if err != nil {
				return Mutant{}, fmt.Errorf("line %d: %w", i+1, err)
			}
			m.Edits = append(m.Edits, edit)
			i += used
			continue
		}
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := m.setHeader(line); err != nil {
			return Mutant{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return m, m.check()
}

// setHeader takes in one "key: value" line.
func (m *Mutant) setHeader(line string) error {
	key, value, found := strings.Cut(line, ":")
	if !found {
		return fmt.Errorf("want \"key: value\" or \"--- old\", have %q", line)
	}
	value = strings.TrimSpace(value)
	fields := map[string]*string{"name": &m.Name, "why": &m.Why, "file": &m.File}
	if key == "test" {
		words := strings.Fields(value)
		if len(words) != 3 || words[1] != "-run" {
			return fmt.Errorf("want \"test: PACKAGE -run REGEXP\", have %q", line)
		}
		m.Test = Test{Package: words[0], Run: words[2]}
		_, err := regexp.Compile(m.Test.Run)
		return err
	}
	field, known := fields[key]
	switch {
	case !known:
		return fmt.Errorf("unknown key %q", key)
	case *field != "":
		return fmt.Errorf("key %q is there twice", key)
	}
	*field = value
	return nil
}

// parseEdit reads what follows a "--- old" line and returns how many lines it used.
func parseEdit(lines []string) (Edit, int, error) {
	middle, end := -1, -1
	for i, line := range lines {
		switch line {
		case "--- old":
			return Edit{}, 0, errors.New("a second \"--- old\" before \"--- end\"")
		case "--- new":
			if middle >= 0 {
				return Edit{}, 0, errors.New("a second \"--- new\" before \"--- end\"")
			}
			middle = i
		case "--- end":
			end = i
		}
		if end >= 0 {
			break
		}
	}
	if middle < 0 || end < 0 {
		return Edit{}, 0, errors.New("an edit needs \"--- old\", \"--- new\" and \"--- end\"")
	}
	edit := Edit{Old: block(lines[:middle]), New: block(lines[middle+1 : end])}
	if strings.TrimSpace(edit.Old) == "" {
		return Edit{}, 0, errors.New("no old lines")
	}
	if edit.Old == edit.New {
		return Edit{}, 0, errors.New("old and new lines are the same")
	}
	return edit, end + 1, nil
}

// block puts lines together again, each with its end.
func block(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// check lists everything that is missing.
func (m Mutant) check() error {
	var missing []string
	for _, field := range []struct{ key, value string }{
		{"name", m.Name}, {"why", m.Why}, {"file", m.File}, {"test", m.Test.Package},
	} {
		if field.value == "" {
			missing = append(missing, field.key)
		}
	}
	if len(m.Edits) == 0 {
		missing = append(missing, "--- old")
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// Apply returns the source with the mutant's edits, or errStale if old lines are not there exactly
// once. They must be whole lines of the source.
func (m Mutant) Apply(source string) (string, error) {
	// A line end in front lets the first line be matched like any other.
	source = "\n" + source
	for _, edit := range m.Edits {
		old := "\n" + edit.Old
		if n := strings.Count(source, old); n != 1 {
			return "", fmt.Errorf("%w: these lines are %d times in %s:\n%s", errStale, n, m.File, edit.Old)
		}
		source = strings.Replace(source, old, "\n"+edit.New, 1)
	}
	return source[1:], nil
}
