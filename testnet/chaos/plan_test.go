package main

import (
	"reflect"
	"testing"
	"time"
)

func TestTheSeedFixesThePlan(t *testing.T) {
	const length = 90 * time.Second
	if !reflect.DeepEqual(plan(7, length), plan(7, length)) {
		t.Error("seed 7 gives two plans")
	}
	if reflect.DeepEqual(plan(7, length), plan(8, length)) {
		t.Error("seeds 7 and 8 give one plan")
	}
}

// Every kind of fault must come up in a run of the default length, whatever the seed.
func TestEveryKindOfFaultComesUp(t *testing.T) {
	const length = 90 * time.Second
	for seed := range uint64(200) {
		kinds := map[string]int{}
		for _, f := range plan(seed, length) {
			kinds[f.kind]++
			if f.kind == mode {
				kinds[f.who[0]]++
			}
			if f.at >= length || len(f.who) == 0 || f.String() == "" {
				t.Errorf("seed %d: %+v", seed, f)
			}
		}
		for _, kind := range []string{kill, many, term, full, halt, cut, oneWay, delay, sever, chosen, "hot", "fenced"} {
			if kinds[kind] == 0 {
				t.Errorf("seed %d: no %s among %v", seed, kind, kinds)
			}
		}
	}
}
