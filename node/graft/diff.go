package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// hunk is one difference: the lines is of the new file stand for the lines was of the old one.
type hunk struct{ was, is place }

var hunkRule = regexp.MustCompile(`(?m)^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// diff compares line by line. Only the line numbers are taken from git, so it does not matter how
// git prints lines.
func diff(was, is []byte) ([]hunk, error) {
	dir, err := os.MkdirTemp("", "graft-")
	if err != nil {
		return nil, fmt.Errorf("comparing: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, data := range map[string][]byte{"was": was, "is": is} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, fmt.Errorf("comparing: %w", err)
		}
	}
	git := exec.Command("git", "diff", "--no-index", "--no-ext-diff", "--no-textconv", "--no-color", "--text",
		"--unified=0",
		"--inter-hunk-context=0", "--diff-algorithm=histogram", "--indent-heuristic", "--ignore-submodules", "was", "is")
	git.Dir = dir
	git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	var stderr bytes.Buffer
	git.Stderr = &stderr
	printed, err := git.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: they differ
		return nil, fmt.Errorf("comparing with git diff: %w: %s", err, stderr.Bytes())
	}
	var hunks []hunk
	for _, m := range hunkRule.FindAllSubmatch(printed, -1) {
		hunks = append(hunks, hunk{hunkPlace(m[1], m[2]), hunkPlace(m[3], m[4])})
	}
	return hunks, nil
}

// hunkPlace reads "676,6" of a hunk's head: first line and count, or, if the count is 0, the line
// before. The count 1 is left out. The digits are git's, so they are numbers.
func hunkPlace(first, count []byte) place {
	start, _ := strconv.Atoi(string(first))
	n := 1
	if len(count) > 0 {
		n, _ = strconv.Atoi(string(count))
	}
	if n > 0 {
		start--
	}
	return place{start, start + n}
}
