package testnet

import "testing"

func TestRolesReady(t *testing.T) {
	r := Roles{Nodes: []NodeRole{{Name: Main, Ready: true}, {Name: Standby}}}
	if !r.Ready(Main) || r.Ready(Main, Standby) || r.Ready("node-c") {
		t.Error("one node of two is not both")
	}
}
