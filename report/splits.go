package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A cosigner whose share is of another split of the key than the others' makes no signature with
// them. This file is how that shows.

// apart reports whether two cosigners' shares are of two splits, as far as they tell.
func (c Cosigner) apart(other Cosigner) bool {
	return c.Split != "" && other.Split != "" && c.Split != other.Split
}

// together returns how many ready cosigners could make one signature: of those whose shares are of
// different splits the most of one, and all that do not tell.
func (s *Status) together() int {
	ready, most := map[string]int{}, 0
	for _, c := range s.Cosigners {
		if !c.Ready {
			continue
		}
		if ready[c.Split]++; c.Split != "" {
			most = max(most, ready[c.Split])
		}
	}
	return most + ready[""]
}

// splits returns the cosigners that tell the split of their share, by split, the most first.
func (s *Status) splits() [][]Cosigner {
	by := map[string][]Cosigner{}
	for _, c := range s.Cosigners {
		if c.Split != "" {
			by[c.Split] = append(by[c.Split], c)
		}
	}
	var all [][]Cosigner
	for _, c := range s.Cosigners { // in the cluster file's order, the most first
		if of := by[c.Split]; len(of) > 0 && of[0].Name == c.Name {
			all = append(all, of)
		}
	}
	slices.SortStableFunc(all, func(a, b []Cosigner) int { return -cmp.Compare(len(a), len(b)) })
	return all
}

const afterSplits = `; docs/recovery.md, "Shares of two splits"`

// splitProblem names whose share file is the wrong one, if that can be said.
func (s *Status) splitProblem(note problem) {
	all := s.splits()
	if len(all) < 2 {
		return
	}
	if len(all[0]) < s.Threshold {
		var each []string
		for _, of := range all {
			each = append(each, fmt.Sprintf("%s of split %s", named(of), of[0].Split))
		}
		note("shares of two splits of the key make no signature together, and no %d of one are seen: %s%s", s.Threshold,
			strings.Join(each, ", "), afterSplits)
		return
	}
	for _, of := range all[1:] {
		note("cosigner %s has a share of another split of the key, %s, and makes no signature with the others, %s, of split "+
			"%s: replace its share file by the one of theirs that is its own%s", named(of), of[0].Split, named(all[0]),
			all[0][0].Split, afterSplits)
	}
}

func named(all []Cosigner) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
