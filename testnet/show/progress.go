package show

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
	terminal bool
	done     int
	total    int
	shown    int // of width or steps
	drawn    bool
}

func newProgress(out io.Writer) progress {
	f, ok := out.(*os.File)
	return progress{terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// Steps begins a work of so many steps.
func (s *Show) Steps(total int) { s.progress.done, s.progress.total, s.progress.shown = 0, total, 0 }

// Step counts one more; the format says where the work is.
func (s *Show) Step(format string, args ...any) {
	p := &s.progress
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
		fmt.Fprintf(s.Out, "        %d of %d messages, %s\n", p.done, p.total, what)
		return
	}
	bar := strings.Repeat("#", part) + strings.Repeat(".", barWidth-part)
	fmt.Fprintf(s.Out, "\r\x1b[K  [%s] %d/%d %s", bar, p.done, p.total, what)
	p.drawn = true
}

// Clear takes the bar away, so that a line can be printed.
func (s *Show) Clear() {
	if s.progress.drawn {
		fmt.Fprint(s.Out, "\r\x1b[K")
		s.progress.drawn = false
	}
}
