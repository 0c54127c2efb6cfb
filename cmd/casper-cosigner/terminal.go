package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// newLogger writes JSON to w, or lines for people when w is a terminal.
func newLogger(w io.Writer, level string) (zerolog.Logger, error) {
	l, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), usageFault(errorf("--log-level %q: want debug, info, warn or error", level))
	}
	if isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.RFC3339}
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger(), nil
}

func logLevelFlag(c *cobra.Command) *string {
	return c.Flags().String("log-level", "info", "debug, info, warn or error")
}

func outputFlag(c *cobra.Command, other string) *string {
	return c.Flags().StringP("output", "o", other, other+" or json")
}

// checkOutput refuses a form that the command does not print.
func checkOutput(have, other string) error {
	if have == "json" || have == other {
		return nil
	}
	return usageFault(errorf("--output %q: want %s or json", have, other))
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// confirm goes on only when the word is typed at a terminal, or yes was given.
func confirm(c *cobra.Command, word string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(c.InOrStdin()) {
		return usageFault(errorf("this needs a confirmation; give --yes where no terminal is"))
	}
	return typed(c, word)
}

// doubt is why numbers are to be given twice.
type doubt struct {
	why     string
	numbers string // as they are to be typed
	again   string // what --again says
}

// confirmAgain goes on only when the numbers are typed at a terminal, or --again says the same. No
// --yes stands for them: a mistake among them would be answered by the same script.
func confirmAgain(c *cobra.Command, d doubt) error {
	switch {
	case d.again == d.numbers:
		return nil
	case d.again != "":
		return &fault{code: exitRefused, err: errorf("%s, and --again says %q: nothing was done", d.why, d.again),
			hints: []string{"look where the chain is; --again " + d.numbers + " if it is meant"}}
	case !isTerminal(c.InOrStdin()):
		return usageFault(errorf("%s; give --again %s where no terminal is", d.why, d.numbers))
	}
	fmt.Fprintf(c.ErrOrStderr(), "Note: %s.\n", d.why)
	return typed(c, d.numbers)
}

// typed demands that the word is typed.
func typed(c *cobra.Command, word string) error {
	fmt.Fprintf(c.ErrOrStderr(), "Type %s to go on: ", word)
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil {
		return errorf("reading the confirmation: %w", err)
	}
	if strings.TrimSpace(line) != word {
		return errorf("not confirmed, nothing was done")
	}
	return nil
}
