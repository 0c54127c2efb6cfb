package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// findings is what the unit files told, and the JSON of judge units. Lists are never null; hashes
// and instances are lower-case hex without a prefix; an index is a validator's place in the era's
// list. "Ours" is of the validator whose key was given.
type findings struct {
	Key            string          `json:"key"`
	Clean          bool            `json:"clean"`    // exactly when the program exits with 0
	Messages       int             `json:"messages"` // of ours that verify; copies in several files count once
	Instances      []instance      `json:"instances"`
	Contradictions []contradiction `json:"contradictions"`
	Evidence       []evidence      `json:"evidence"`
	Invalid        []invalid       `json:"invalid"`
	Damaged        []damage        `json:"damaged"`
}

// instance is an era, merged from all files about it, in the order of the ids.
type instance struct {
	ID                string   `json:"instance_id"`
	Files             []string `json:"files"`     // as given
	OurIndex          *uint32  `json:"our_index"` // null if no file has a message of ours
	Messages          int      `json:"messages"`  // of ours that verify
	Rounds            []round  `json:"rounds"`    // of which some file has a message or a proposal, ascending
	RoundsWithoutEcho []uint32 `json:"rounds_without_echo"`
	RoundsWithoutVote []uint32 `json:"rounds_without_vote"`
	// TornBytes is the size of the last, incomplete entries, which a file has while its node
	// writes to it.
	TornBytes int `json:"torn_bytes"`
}

// round counts others by index, without their signatures being checked: the file's writer did that.
type round struct {
	Round    uint32   `json:"round"`
	Echoes   []string `json:"echoes"`   // ours that verify, without repetition
	Votes    []bool   `json:"votes"`    // ours that verify, without repetition, false first
	Proposal bool     `json:"proposal"` // whether some file has one
	Hashes   []string `json:"proposal_hashes"`
	// Proposer is the index whose Echo of the only proposal stands first in every file that has one,
	// else null. It is a hint: an Echo may overtake the proposal that it echoes.
	Proposer         *uint32 `json:"proposer"`
	OthersEchoed     int     `json:"others_echoed"`
	OthersVotedTrue  int     `json:"others_voted_true"`
	OthersVotedFalse int     `json:"others_voted_false"`
}

// contradiction is two or more contents that the key signed for one slot.
type contradiction struct {
	InstanceID string   `json:"instance_id"`
	Round      uint32   `json:"round"`
	Index      uint32   `json:"index"`
	Contents   []string `json:"contents"`
	Files      []string `json:"files"` // where each of the contents stands first
}

// evidence is an entry by which a file's writer holds a validator to be faulty.
type evidence struct {
	InstanceID string   `json:"instance_id"`
	Round      uint32   `json:"round"`
	Index      uint32   `json:"index"`
	Contents   []string `json:"contents"`
	AgainstUs  bool     `json:"against_us"` // has our index, or a signature of the key
	// the key signed both contents and they contradict; false for others, whose keys are not known
	Verified bool   `json:"verified"`
	File     string `json:"file"`
	Offset   int    `json:"offset"`
}

// invalid is a message with our index that the key did not sign, or one that it signed
// with another index.
type invalid struct {
	InstanceID string `json:"instance_id"`
	Round      uint32 `json:"round"`
	Index      uint32 `json:"index"`
	Content    string `json:"content"`
	Problem    string `json:"problem"`
	File       string `json:"file"`
	Offset     int    `json:"offset"`
}

// damage is where a file could not be read on. What stands behind it is not in the findings.
type damage struct {
	File    string `json:"file"`
	Offset  int    `json:"offset"`
	Problem string `json:"problem"`
}

// faults says in a line each what keeps the findings from being clean.
func (f findings) faults() []string {
	var all []string
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, c := range f.Contradictions {
		add("DOUBLE SIGN: instance %s round %d index %d: %s; in %s",
			c.InstanceID, c.Round, c.Index, strings.Join(c.Contents, " and "), strings.Join(c.Files, " and "))
	}
	for _, e := range f.Evidence {
		if e.AgainstUs {
			add("evidence against us: %s", e)
		}
	}
	for _, i := range f.Invalid {
		add("instance %s round %d: %s of index %d %s; in %s at %d",
			i.InstanceID, i.Round, i.Content, i.Index, i.Problem, i.File, i.Offset)
	}
	for _, d := range f.Damaged {
		add("%s is damaged at offset %d: %s", d.File, d.Offset, d.Problem)
	}
	if f.Messages == 0 {
		add("no message of ours in any file")
	}
	return all
}

func (e evidence) String() string {
	return fmt.Sprintf("instance %s round %d index %d: %s; in %s at %d",
		e.InstanceID, e.Round, e.Index, strings.Join(e.Contents, " and "), e.File, e.Offset)
}

// print writes the findings for people: of the rounds only those with something missing or odd.
func (f findings) print(out io.Writer) {
	for _, i := range f.Instances {
		index := "unknown"
		if i.OurIndex != nil {
			index = fmt.Sprint(*i.OurIndex)
		}
		fmt.Fprintf(out, "instance %s: our index %s, %d messages of ours; %d rounds, %d without our Echo, %d without our "+
			"Vote; %d files, %d torn bytes\n",
			i.ID, index, i.Messages, len(i.Rounds), len(i.RoundsWithoutEcho), len(i.RoundsWithoutVote), len(i.Files),
			i.TornBytes)
		for _, r := range i.Rounds {
			if line := r.oddities(); line != "" {
				fmt.Fprintf(out, "  round %d: %s\n", r.Round, line)
			}
		}
	}
	for _, e := range f.Evidence {
		if !e.AgainstUs {
			fmt.Fprintf(out, "evidence against another: %s\n", e)
		}
	}
	fmt.Fprintf(out, "%d messages of ours, in %d instances, are signed by the key\n", f.Messages, len(f.Instances))
	for _, fault := range f.faults() {
		fmt.Fprintf(out, "FAULT %s\n", fault)
	}
}

// oddities is empty for a round in which there is a proposal, one Echo of ours and one Vote(true).
func (r round) oddities() string {
	var odd []string
	switch len(r.Echoes) {
	case 0:
		odd = append(odd, "no Echo of ours")
	case 1:
	default:
		odd = append(odd, "Echoes of ours of "+strings.Join(r.Echoes, " and "))
	}
	switch {
	case len(r.Votes) == 0:
		odd = append(odd, "no Vote of ours")
	case len(r.Votes) > 1:
		odd = append(odd, "both Votes of ours")
	case !r.Votes[0]:
		odd = append(odd, "our Vote is false")
	}
	if !r.Proposal {
		odd = append(odd, "no proposal")
	}
	if odd == nil {
		return ""
	}
	by := ""
	if r.Proposer != nil {
		by = fmt.Sprintf("proposed by %d, ", *r.Proposer)
	}
	return fmt.Sprintf("%s (%sothers: %d echoed, %d voted true, %d false)",
		strings.Join(odd, ", "), by, r.OthersEchoed, r.OthersVotedTrue, r.OthersVotedFalse)
}

func (f findings) writeJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "\t")
	if err := e.Encode(f); err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	return nil
}
