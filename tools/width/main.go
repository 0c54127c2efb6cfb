// Width checks how wide Go files are: a line that is only a comment has at most 100 columns, every
// other line at most 120; a tab counts 1. A few lines of code may be wider, such as tags of fields,
// whose text users see: not more than the limit below.
//
// Left alone are generated files, testdata, and of comments what cannot be wrapped: directives,
// indented blocks, tables, links, and what an example prints.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	commentWidth = 100
	codeWidth    = 120
	exceptions   = 20 // lines of code that may be wider
)

func main() {
	root := flag.String("root", ".", "folder to check")
	flag.Parse()
	found, err := check(*root)
	for _, f := range found {
		fmt.Println(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "width:", err)
		os.Exit(1)
	}
}

// check lists all comments that are too wide, and the lines of code if they are more than
// the exceptions.
func check(root string) (found []string, err error) {
	var code []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && skipped(d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || isGenerated.Match(text) {
			return err
		}
		wideComments, wideCode := wide(text)
		for _, line := range wideComments {
			found = append(found, fmt.Sprintf("%s:%d: a comment of more than %d columns", path, line, commentWidth))
		}
		for _, line := range wideCode {
			code = append(code, fmt.Sprintf("%s:%d: more than %d columns", path, line, codeWidth))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	comments := len(found)
	if len(code) > exceptions {
		found = append(found, code...)
	}
	if len(found) > 0 {
		err = fmt.Errorf("%d comments and %d lines of code are too wide; %d of code may be", comments, len(code), exceptions)
	}
	return found, err
}

func skipped(folder string) bool {
	return folder == "testdata" || folder == "bin" || strings.HasPrefix(folder, ".")
}

var (
	isGenerated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	unwrappable = regexp.MustCompile(`^//(\S|$|\t| \t|  | \||.*https?://| (Unordered o|O)utput:)`)
)

// wide returns the numbers of the lines that are too wide.
func wide(text []byte) (comments, code []int) {
	alone := commentLines(text)
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, max(bufio.MaxScanTokenSize, len(text)+1))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		switch {
		case !alone[number] && len(line) > codeWidth:
			code = append(code, number)
		case alone[number] && len(line) > commentWidth && !unwrappable.MatchString(strings.TrimLeft(line, "\t")):
			comments = append(comments, number)
		}
	}
	return comments, code
}

// commentLines tells which lines are a comment and nothing else.
func commentLines(text []byte) map[int]bool {
	all := map[int]bool{}
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	for {
		pos, kind, literal := s.Scan()
		if kind == token.EOF {
			return all
		}
		if kind != token.COMMENT || !strings.HasPrefix(literal, "//") {
			continue
		}
		line := file.Line(pos)
		before := text[file.Offset(file.LineStart(line)):file.Offset(pos)]
		all[line] = len(bytes.TrimSpace(before)) == 0
	}
}
