// Package show is how the programs that play acts say what they do: an act opens with the time,
// then each of its lines claims something and holds or fails, states a goal that is met or
// missed, or only tells.
//
// It promises: a claim is printed the moment it is made and counted in the verdict, and one that
// failed is printed again at the end, with its act. A missed goal is printed again too and does
// not count, since machines differ. It knows neither what is played nor what a claim rests on:
// that is its caller's.
package show

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Claim is a line that holds or does not.
type Claim struct {
	Holds bool   `json:"holds"`
	Text  string `json:"text"`
}

// Act is a part of a show, as far as it was played.
type Act struct {
	Name   string   `json:"name"`
	Claims []Claim  `json:"claims"`
	Said   []string `json:"said,omitempty"`  // what claims nothing
	Goals  []Claim  `json:"goals,omitempty"` // what depends on the machine as well, and so does not count
}

// Holds reports whether all claims of the act do.
func (a *Act) Holds() bool {
	return !slices.ContainsFunc(a.Claims, func(c Claim) bool { return !c.Holds })
}

// Show is one run. It is used by one goroutine.
type Show struct {
	Out     io.Writer
	Started time.Time
	Acts    []*Act // the last is on

	seed     uint64
	progress progress
}

// New returns a show without acts that starts now. The seed is printed with the verdict.
func New(out io.Writer, seed uint64) *Show {
	return &Show{Out: out, seed: seed, Started: time.Now().UTC(), progress: newProgress(out)}
}

// Begin opens an act; the format is of its title.
func (s *Show) Begin(name, format string, args ...any) *Act {
	a := &Act{Name: name}
	s.Acts = append(s.Acts, a)
	s.Printf("\n[%3.0f s] %s\n", time.Since(s.Started).Seconds(), fmt.Sprintf(format, args...))
	return a
}

// Act is the one that is on. There must be one.
func (s *Show) Act() *Act { return s.Acts[len(s.Acts)-1] }

// Claimf adds a line to the result and prints it.
func (s *Show) Claimf(holds bool, format string, args ...any) {
	c := Claim{holds, fmt.Sprintf(format, args...)}
	s.Act().Claims = append(s.Act().Claims, c)
	s.line(c, "ok  ", "FAIL")
}

// Goalf prints how fast something was, or how much it used, against what is wished for.
func (s *Show) Goalf(met bool, format string, args ...any) {
	c := Claim{met, fmt.Sprintf(format, args...)}
	s.Act().Goals = append(s.Act().Goals, c)
	s.line(c, "met ", "MISS")
}

func (s *Show) line(c Claim, yes, no string) {
	if !c.Holds {
		yes = no
	}
	s.Printf("  %s  %s\n", yes, c.Text)
}

// Sayf prints a line that claims nothing.
func (s *Show) Sayf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.Act().Said = append(s.Act().Said, text)
	s.Printf("        %s\n", text)
}

// Printf prints what is not of an act: a table, say.
func (s *Show) Printf(format string, args ...any) {
	s.Clear()
	fmt.Fprintf(s.Out, format, args...)
}

// Verdict prints how it went and reports whether there were claims, and all of them hold.
func (s *Show) Verdict() bool {
	lines := 0
	var failed, missed []string
	for _, a := range s.Acts {
		for _, g := range a.Goals {
			if !g.Holds {
				missed = append(missed, fmt.Sprintf("  MISS  %s: %s", a.Name, g.Text))
			}
		}
		for _, c := range a.Claims {
			lines++
			if !c.Holds {
				failed = append(failed, fmt.Sprintf("  FAIL  %s: %s", a.Name, c.Text))
			}
		}
	}
	s.Printf("\n%d of %d lines hold, in %.0f s; seed %d\n",
		lines-len(failed), lines, time.Since(s.Started).Seconds(), s.seed)
	for _, line := range append(failed, missed...) {
		s.Printf("%s\n", line)
	}
	return lines > 0 && len(failed) == 0
}
