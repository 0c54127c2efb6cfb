package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const (
	barWidth   = 40
	plainSteps = 4 // lines in place of a bar when nobody looks at a terminal
)

// progress shows how much of a counted work is done: a bar on a terminal, a few lines elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	done     int
	total    int
	shown    int // of width or steps
	drawn    bool
}

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// begin starts a work of so many steps.
func (p *progress) begin(total int) { p.done, p.total, p.shown = 0, total, 0 }

// step counts one more; what says where it is.
func (p *progress) step(format string, args ...any) {
	p.done++
	scale := plainSteps
	if p.terminal {
		scale = barWidth
	}
	part := p.done * scale / max(1, p.total)
	if part == p.shown && (p.drawn || !p.terminal) {
		return
	}
	p.shown = part
	what := fmt.Sprintf(format, args...)
	if !p.terminal {
		fmt.Fprintf(p.out, "        %d of %d messages, %s\n", p.done, p.total, what)
		return
	}
	fmt.Fprintf(p.out, "\r\x1b[K  [%s%s] %d/%d %s", strings.Repeat("#", part), strings.Repeat(".", barWidth-part), p.done, p.total, what)
	p.drawn = true
}

// clear takes the bar away, so that a line can be printed.
func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}
