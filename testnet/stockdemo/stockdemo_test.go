package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/casperdemo/stage"
	"casper-cosigner/testnet/localnet"
	"casper-cosigner/testnet/show"
)

// TestSeedWithTwoBelow: two validators that may go have lower keys than ours, whatever the seed.
func TestSeedWithTwoBelow(t *testing.T) {
	const others = 4
	for from := range uint64(50) {
		seed := seedWithTwoBelow(from, others)
		ours, below := localnet.ValidatorKey(seed, 0).Public(), 0
		for i := 2; i <= others; i++ { // 1 is watched
			if key := localnet.ValidatorKey(seed, i).Public(); slices.Compare(key[:], ours[:]) < 0 {
				below++
			}
		}
		if seed < from || below < 2 {
			t.Errorf("from %d on: seed %d, with %d below ours", from, seed, below)
		}
	}
}

// TestTable: rounds that another led in vain count as lost, as in the act's own line, and an act
// whose rounds were not judged has no line.
func TestTable(t *testing.T) {
	var lost table
	lost.add("A", []*stage.ActResult{
		{Act: &show.Act{Name: "start"}, Counts: map[string]int64{}},
		{Act: &show.Act{Name: "kill"}, Counts: map[string]int64{"rounds": 9, "rounds_with_vote": 6, "rounds_lost": 2,
			"rounds_absent": 1, "blocks": 8, "finality_signatures": 7, "exits_known": 3}},
		{Act: &show.Act{Name: "judges"}, Counts: map[string]int64{"rounds": 9, "milli_cspr_ours": 1500,
			"milli_cspr_validator-2": 1250}},
	})
	text := strings.Join(strings.Fields(lost.String()), " ")
	for _, want := range []string{"A kill 9 rounds, 6 with our vote, 3 lost; 8 blocks, 7 with our signature, 3 ends of",
		"A rewards 1.500 CSPR ours; the other validators, of equal weight: 1.250"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "start") {
		t.Errorf("an act that was not judged is in %q", text)
	}
}

// TestNetworks: an act or a network is chosen by a name that no other has, a control is judged by
// its acts alone, and a network in which a node has no key has one that has.
func TestNetworks(t *testing.T) {
	d := &demo{era: time.Minute, byIndex: "by-index",
		Stage: &stage.Stage{Options: stage.Options{BlockTime: 4 * time.Second}}}
	names := map[string]bool{"start": true, "judges": true}
	for _, n := range d.networks() {
		for _, name := range append([]string{n.name}, actNames(n.acts)...) {
			if names[name] {
				t.Errorf("two are called %s", name)
			}
			names[name] = true
		}
		if !n.control && len(n.Stock) == 0 {
			t.Errorf("network %s has no stock node", n.name)
		}
		if (n.Gate != "") != (n.name == "G") {
			t.Errorf("network %s has the gate %q", n.name, n.Gate)
		}
	}
}

func actNames(acts []stage.Act) (all []string) {
	for _, a := range acts {
		all = append(all, a.Name)
	}
	return all
}

// TestPunishedBy: an era that ends without us is a punishment only once one has named us.
func TestPunishedBy(t *testing.T) {
	us, other := localnet.ValidatorKey(1, 0).Public(), localnet.ValidatorKey(1, 1).Public()
	ends := func(era uint64, equivocators, next []casper.PublicKey) localnet.BlockRecord {
		return localnet.BlockRecord{Block: localnet.Block{Era: era,
			End: &localnet.EraEnd{Equivocators: equivocators, Next: next}}}
	}
	both, one := []casper.PublicKey{us, other}, []casper.PublicKey{other}
	blocks := []localnet.BlockRecord{ends(1, nil, one), ends(2, one, both), {}, ends(3, both, both), ends(4, nil, both),
		ends(5, nil, one)}
	named, out := punishedBy(blocks, us)
	if named == nil || out == nil || named.Era != 3 || out.Era != 5 {
		t.Errorf("named by %+v, left out by %+v", named, out)
	}
	if named, out := punishedBy(blocks[:3], us); named != nil || out != nil {
		t.Errorf("named by %+v, left out by %+v, of blocks that name another", named, out)
	}
}
