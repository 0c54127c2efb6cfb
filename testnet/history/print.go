package history

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// mostFaults is how many faults are printed.
const mostFaults = 20

// Print prints the counts and the verdict, and reports whether the history holds.
func (v Verdict) Print(w io.Writer) bool {
	fmt.Fprintf(w, "  %d calls for %d slots: %s\n", v.Calls, v.Slots, Counts(v.Answers))
	fmt.Fprintf(w, "  slots won: %s\n", Counts(v.Won))
	if v.During > 0 {
		fmt.Fprintf(w, "  available while there were faults: %.1f %% of the slots were signed, %.1f %% of %d calls "+
			"answered\n",
			percent(v.Finished, v.Slots), percent(v.Answered, v.During), v.During)
	}
	if len(v.Faults) == 0 {
		fmt.Fprintf(w, "all %d calls in %d slots hold: every signature is valid, no slot has two values, the calls of each "+
			"slot are "+
			"linearizable, and each slot ended with a value for both nodes\n", v.Calls, v.Slots)
		return true
	}
	fmt.Fprintf(w, "FAIL  %d faults in %d calls\n", len(v.Faults), v.Calls)
	for _, f := range v.Faults[:min(len(v.Faults), mostFaults)] {
		fmt.Fprintf(w, "  %s\n", f)
	}
	return false
}

func percent(part, of int) float64 { return 100 * float64(part) / float64(of) }

// Counts says how often each thing occurred.
func Counts(of map[string]int) string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s %d", strings.TrimSpace(what), of[what]))
	}
	return strings.Join(all, ", ")
}

// TooRare returns an error if faults of a kind came about less than half as often as they
// were planned, which the other faults excuse. What a run proves of faults that did not come
// about is nothing.
func TooRare(planned, done map[string]int) (err error) {
	for _, kind := range slices.Sorted(maps.Keys(planned)) {
		if done[kind] < planned[kind]/2 {
			err = errors.Join(err, fmt.Errorf("%s was planned %d times, and came about %d times",
				strings.TrimSpace(kind), planned[kind], done[kind]))
		}
	}
	return err
}
