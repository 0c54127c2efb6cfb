package raftstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/raft"
)

// Voter is a cosigner that votes: each that holds a share does.
type Voter struct {
	Name    string // its name in the cluster file, which is its Raft id
	Address string // where its Raft listener is reached, as Network.Dial takes it
}

// Voters are all that vote, this cosigner included.
type Voters []Voter

func (v Voters) validate(own string) error {
	var faults []error
	names, addresses := map[string]bool{}, map[string]bool{}
	for _, m := range v {
		if m.Name == "" || m.Address == "" || names[m.Name] || addresses[m.Address] {
			faults = append(faults, fmt.Errorf("voter %q at %q: name and address must be given and unique", m.Name, m.Address))
		}
		names[m.Name], addresses[m.Address] = true, true
	}
	if !names[own] {
		faults = append(faults, fmt.Errorf("%q is not a voter", own))
	}
	return errors.Join(faults...)
}

// addresses returns where each is reached, by name.
func (v Voters) addresses() map[string]string {
	all := map[string]string{}
	for _, m := range v {
		all[m.Name] = m.Address
	}
	return all
}

// but returns the names of the others.
func (v Voters) but(own string) []string {
	var names []string
	for _, m := range v {
		if m.Name != own {
			names = append(names, m.Name)
		}
	}
	return names
}

// configuration returns the voters as Raft keeps them. Their addresses there are their names: where
// one is reached is the cluster file's to say, and may change, and a vote is remembered by address.
func (v Voters) configuration() raft.Configuration {
	var c raft.Configuration
	for _, m := range v {
		c.Servers = append(c.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(m.Name), Address: raft.ServerAddress(m.Name),
		})
	}
	slices.SortFunc(c.Servers, byID)
	return c
}

// same returns an error unless the members are exactly these, all of which vote, each under its
// name as its address: under another one nobody would reach it, after a restart either.
func (v Voters) same(c raft.Configuration) error {
	want := v.configuration()
	if len(c.Servers) != len(want.Servers) {
		return fmt.Errorf("it is of a cluster of %d, and this one is of %d", len(c.Servers), len(want.Servers))
	}
	for i, m := range slices.SortedFunc(slices.Values(c.Servers), byID) {
		if m != want.Servers[i] {
			return fmt.Errorf("it has %s at %q as a %v, and in that place this cluster has %s, which votes", m.ID, m.Address,
				m.Suffrage, want.Servers[i].ID)
		}
	}
	return nil
}

func byID(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) }

// check compares the log's voters with the cluster file's.
func (v Voters) check(log raft.Configuration) error {
	names := func(c raft.Configuration) []string {
		var s []string
		for _, server := range c.Servers {
			s = append(s, string(server.ID))
		}
		slices.Sort(s)
		return s
	}
	if have, want := names(log), names(v.configuration()); !slices.Equal(have, want) {
		return fmt.Errorf("the log's members are %s, the cluster file's are %s: they never change by editing the file",
			strings.Join(have, ", "), strings.Join(want, ", "))
	}
	return nil
}
