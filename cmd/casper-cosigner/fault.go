package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"casper-cosigner/drill"
)

// The exit codes, which scripts and monitors rely on.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDegraded    = 3 // the cosigners can sign, but something is missing or wrong
	exitNoQuorum    = 4 // nothing is signed
	exitRefused     = 5 // a definite no
	exitUnavailable = 6 // nothing is known
)

// fault is an error with its exit code and what to try. Without err it only sets the code: the
// output said the rest.
type fault struct {
	code  int
	err   error
	hints []string
}

func (f *fault) Error() string { return fmt.Sprint(f.err) }
func (f *fault) Unwrap() error { return f.err }

// Is has a definite no be what a rehearsal takes for one.
func (f *fault) Is(target error) bool { return target == drill.ErrRefused && f.code == exitRefused }

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// usageFault is a mistake in the command line. What to try, the command's --help, is added where
// the command is known.
func usageFault(err error) error { return &fault{code: exitUsage, err: err} }

// withHint adds what to try. The exit code stays what it was, or is 1.
func withHint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	code := exitFailed
	if f := new(fault); errors.As(err, &f) {
		code, hints = f.code, append(hints, f.hints...)
	}
	return &fault{code: code, err: err, hints: hints}
}

// complain prints an error and returns the exit code.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	f := new(fault)
	if !errors.As(err, &f) {
		f = &fault{code: exitFailed, err: err}
	}
	if f.err == nil {
		return f.code
	}
	for i, line := range strings.Split(strings.TrimRight(err.Error(), "\n"), "\n") {
		label := "error: "
		if i > 0 {
			label = "       "
		}
		fmt.Fprintf(w, "casper-cosigner: %s%s\n", label, line)
	}
	for _, hint := range f.hints {
		fmt.Fprintf(w, "casper-cosigner: try: %s\n", hint)
	}
	return f.code
}
