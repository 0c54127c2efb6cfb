package localnet

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
)

func testKeys(n int) []casper.PublicKey {
	var keys []casper.PublicKey
	for i := range n {
		keys = append(keys, ValidatorKey(0, i).Public())
	}
	return sortedKeys(keys)
}

func TestCited(t *testing.T) {
	v := testKeys(10)
	tests := map[string]struct {
		packed []byte
		want   []casper.PublicKey
	}{
		"none":              {[]byte{0, 0}, nil},
		"empty":             {nil, nil},
		"first":             {[]byte{0b1000_0000, 0}, v[:1]},
		"eighth and ninth":  {[]byte{0b0000_0001, 0b1000_0000}, v[7:9]},
		"all, with padding": {[]byte{0xff, 0xff}, v},
		"too short":         {[]byte{0b0100_0000}, v[1:2]},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			shuffled := slices.Clone(v)
			slices.Reverse(shuffled)
			if got := Cited(test.packed, shuffled); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestParseEvent(t *testing.T) {
	v := testKeys(3)
	one, two := casper.Hash{1}, casper.Hash{2}
	at := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	when := `"2030-01-02T03:04:05.678Z"`
	tests := map[string]struct {
		data string
		want Event
	}{
		"version":   {`{"ApiVersion":"2.0.3"}`, nil},
		"step":      {`{"Step":{"era_id":1,"execution_effects":[]}}`, nil},
		"old block": {`{"BlockAdded":{"block_hash":"x","block":{"Version1":{}}}}`, nil},
		"end":       {`"Shutdown"`, Shutdown{}},
		"fault": {fmt.Sprintf(`{"Fault":{"era_id":7,"public_key":"%v","timestamp":%s}}`, v[0], when),
			Fault{Validator: v[0], Era: 7, Timestamp: at}},
		"finality signature": {fmt.Sprintf(`{"FinalitySignature":{"V2":{"block_hash":"%v","block_height":8,"era_id":7,
			"chain_name_hash":"x","signature":"x","public_key":"%v"}}}`, one, v[0]),
			FinalitySignature{PublicKey: v[0], Block: one, Height: 8, Era: 7}},
		"transaction": {fmt.Sprintf(`{"TransactionProcessed":{"transaction_hash":{"Version1":"%v"},"block_hash":"%v",
			"execution_result":{"Version2":{"error_message":"no"}}}}`, one, two),
			TransactionProcessed{Hash: one, Block: two, Error: "no"}},
		"genesis": {fmt.Sprintf(`{"BlockAdded":{"block_hash":"%v","block":{"Version2":{"hash":"%v","header":{"era_id":0,
			"height":0,"timestamp":%s,"proposer":"00","era_end":null},"body":{"transactions":{},"rewarded_signatures":[]}}}}}`,
			one, one, when), Block{Hash: one, Timestamp: at}},
		"last of an era": {fmt.Sprintf(`{"BlockAdded":{"block":{"Version2":{"hash":"%v","header":{"era_id":3,"height":9,
			"timestamp":%s,"proposer":"%v","era_end":{"equivocators":["%v"],"inactive_validators":[],
			"next_era_validator_weights":[{"validator":"%v","weight":"5"},{"validator":"%v","weight":"5"}],
			"rewards":{"%v":["10","20"]}}},"body":{"transactions":{"0":[{},{}],"3":[{}]},
			"rewarded_signatures":[[160],[0]]}}}}}`, one, when, v[1], v[2], v[1], v[0], v[0]),
			Block{Hash: one, Height: 9, Era: 3, Timestamp: at, Proposer: v[1], Transactions: 3,
				Rewarded: [][]byte{{160}, {0}}, End: &EraEnd{Equivocators: v[2:3], Inactive: []casper.PublicKey{},
					Next: v[:2], Rewards: map[casper.PublicKey][]string{v[0]: {"10", "20"}}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parseEvent(test.data)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, test.want)
			}
		})
	}
	if _, err := parseEvent(`{"Fault":{"public_key":"01"}}`); err == nil {
		t.Error("a damaged event was read")
	}
}
