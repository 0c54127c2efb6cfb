package main

import (
	"encoding/hex"
	"maps"
	"slices"
)

// tally is what the files have of a round.
type tally struct {
	proposals   map[[digestSize]byte]bool
	firstEchoes map[[digestSize]byte][]uint32 // by proposal, of each file that has one
	signers     map[content][]uint32          // signatures unchecked; an index may repeat
}

// tally returns the round's, and makes the round known.
func (m *merger) tally(number uint32) *tally {
	t := m.rounds[number]
	if t == nil {
		t = &tally{map[[digestSize]byte]bool{}, map[[digestSize]byte][]uint32{}, map[content][]uint32{}}
		m.rounds[number] = t
	}
	return t
}

// report sums the instance up; the index must be settled.
func (m *merger) report() instance {
	i := instance{
		ID:                hex.EncodeToString(m.id[:]),
		Files:             m.files,
		OurIndex:          m.index,
		Rounds:            []round{},
		RoundsWithoutEcho: []uint32{},
		RoundsWithoutVote: []uint32{},
		TornBytes:         m.torn,
	}
	ours := map[uint32][]content{}
	for _, s := range m.messages {
		if !s.ours {
			continue
		}
		i.Messages++
		if m.isOurs(s.index) && !slices.Contains(ours[s.round], s.content) {
			ours[s.round] = append(ours[s.round], s.content)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(m.rounds)) {
		r := m.rounds[number].report(m.isOurs)
		r.Round = number
		for _, c := range ours[number] {
			if c.isVote {
				r.Votes = append(r.Votes, c.vote)
			} else {
				r.Echoes = append(r.Echoes, hex.EncodeToString(c.echo[:]))
			}
		}
		if len(r.Votes) == 2 {
			r.Votes = []bool{false, true}
		}
		slices.Sort(r.Echoes)
		if len(r.Echoes) == 0 {
			i.RoundsWithoutEcho = append(i.RoundsWithoutEcho, number)
		}
		if len(r.Votes) == 0 {
			i.RoundsWithoutVote = append(i.RoundsWithoutVote, number)
		}
		i.Rounds = append(i.Rounds, r)
	}
	return i
}

// report fills in all but the number and what is ours.
func (t *tally) report(isOurs func(uint32) bool) round {
	r := round{Echoes: []string{}, Votes: []bool{}, Proposal: len(t.proposals) > 0, Hashes: []string{}}
	for hash := range t.proposals {
		r.Hashes = append(r.Hashes, hex.EncodeToString(hash[:]))
		if first := slices.Compact(t.firstEchoes[hash]); len(t.proposals) == 1 && len(first) == 1 {
			r.Proposer = &first[0]
		}
	}
	slices.Sort(r.Hashes)
	echoed, votedTrue, votedFalse := map[uint32]bool{}, map[uint32]bool{}, map[uint32]bool{}
	for c, signers := range t.signers {
		into := echoed
		if c.isVote && c.vote {
			into = votedTrue
		} else if c.isVote {
			into = votedFalse
		}
		for _, index := range signers {
			if !isOurs(index) {
				into[index] = true
			}
		}
	}
	r.OthersEchoed, r.OthersVotedTrue, r.OthersVotedFalse = len(echoed), len(votedTrue), len(votedFalse)
	return r
}
