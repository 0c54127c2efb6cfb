package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
)

// roundID names a Zug round of a chain.
type roundID struct {
	Era   uint64
	Round uint32
}

func (r roundID) String() string { return fmt.Sprintf("%d/%d", r.Era, r.Round) }

// round is a Zug round as a node's log tells of it.
type round struct {
	Era    uint64
	ID     uint32
	Leader int // index among the era's validators; -1: the log does not tell, as of the round with which an era begins
	Start  time.Time
}

func (r round) name() roundID { return roundID{r.Era, r.ID} }

// era is an era as a node's log tells of it. The instance is shortened, as "a97f..89d2".
type era struct {
	Number   uint64
	Start    time.Time
	Instance string
}

// timeline is the rounds and eras of one run of a node, in the order of its log.
type timeline struct {
	eras   []era
	rounds []round
}

// asked is one request of a node for a signature, as its client of the agent tells of it.
type asked struct {
	At      time.Time
	Kind    string // echo, vote, finality, handshake
	Slot    string // as "echo era 12 round 3 instance 7d9f81ac/2"
	Outcome string // signed, bound, refused, unavailable
	Why     string
	Took    time.Duration
}

// answered tells whether there was a signature.
func (a asked) answered() bool { return a.Outcome == "signed" || a.Outcome == "bound" }

// bound says that a Zug slot that the node asked for held another value.
type bound struct {
	At        time.Time
	Round     roundID
	Chainspec casper.Hash
}

// story is what one run of a node told.
type story struct {
	timeline
	asked []asked
	bound []bound
}

// What is read in logs (casper-node zug.rs and era_supervisor.rs; the last two are of our client and of our edits).
const (
	startedRound = "started a new round"
	startingEra  = "starting era"
	askedFor     = "asked for a signature"
	signedFirst  = "the other node has signed first"
)

// logLine is a line of a node's log, as far as it is used.
type logLine struct {
	Timestamp time.Time `json:"timestamp"`
	Fields    struct {
		Message  string `json:"message"`
		Era      uint64 `json:"era"`
		Instance string `json:"instance_id"`
		Round    uint32 `json:"round_id"`
		Leader   int    `json:"leader"`
		Kind     string `json:"kind"`
		Slot     string `json:"slot"`
		Outcome  string `json:"outcome"`
		Why      string `json:"why"`
		Micros   int64  `json:"micros"`
		Request  string `json:"request"`
	} `json:"fields"`
}

// read takes up one line of the log. Lines that are not used are not looked into.
func (s *story) read(line []byte) error {
	used := false
	for _, message := range []string{startedRound, startingEra, askedFor, signedFirst} {
		used = used || bytes.Contains(line, []byte(`"message":"`+message+`"`))
	}
	if !used {
		return nil
	}
	var l logLine
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("reading a line of a node's log: %w", err)
	}
	switch f := l.Fields; f.Message {
	case startingEra:
		s.eras = append(s.eras, era{Number: f.Era, Start: l.Timestamp, Instance: f.Instance})
		s.rounds = append(s.rounds, round{Era: f.Era, Leader: -1, Start: l.Timestamp})
	case startedRound:
		if number, ok := s.eraOfNext(f.Round); ok {
			s.rounds = append(s.rounds, round{Era: number, ID: f.Round, Leader: f.Leader, Start: l.Timestamp})
		}
	case askedFor:
		s.asked = append(s.asked, asked{At: l.Timestamp, Kind: f.Kind, Slot: f.Slot, Outcome: f.Outcome, Why: f.Why,
			Took: time.Duration(f.Micros) * time.Microsecond})
	case signedFirst:
		b, err := parseRequest(f.Request)
		if err != nil {
			return err
		}
		b.At = l.Timestamp
		s.bound = append(s.bound, b)
	}
	return nil
}

// eraOfNext finds the era whose next round this is. The log does not name it: an era that is over may go on for a round.
func (t *timeline) eraOfNext(id uint32) (uint64, bool) {
	for i := len(t.eras) - 1; i >= 0; i-- {
		number := t.eras[i].Number
		for j := len(t.rounds) - 1; j >= 0; j-- {
			if r := t.rounds[j]; r.Era == number {
				if r.ID+1 == id {
					return number, true
				}
				break
			}
		}
	}
	return 0, false
}

// newest is the last round of the newest era, false before the first.
func (t *timeline) newest() (newest round, ok bool) {
	for _, r := range t.rounds {
		if !ok || r.Era > newest.Era || r.Era == newest.Era && r.ID > newest.ID {
			newest, ok = r, true
		}
	}
	return newest, ok
}

// before is the last round that had begun at that time, false if there was none.
func (t *timeline) before(at time.Time) (last round, ok bool) {
	for _, r := range t.rounds {
		if !r.Start.After(at) {
			last, ok = r, true
		}
	}
	return last, ok
}

// index returns the rounds by their names, each with the start of the one that the log tells of next; that is zero for the
// last.
func (t *timeline) index() map[roundID]placed {
	all := map[roundID]placed{}
	for i, r := range t.rounds {
		p := placed{round: r}
		if i+1 < len(t.rounds) {
			p.end = t.rounds[i+1].Start
		}
		all[r.name()] = p
	}
	return all
}

// placed is a round with its end.
type placed struct {
	round
	end time.Time
}

// eraOf finds the era of an instance, given in full.
func (t *timeline) eraOf(instance string) (uint64, bool) {
	for _, e := range t.eras {
		head, tail, short := strings.Cut(e.Instance, "..")
		if e.Instance == instance || short && strings.HasPrefix(instance, head) && strings.HasSuffix(instance, tail) {
			return e.Number, true
		}
	}
	return 0, false
}

// parseRequest reads what our client's Debug makes of a Zug request (node/remote-signer message.rs).
func parseRequest(text string) (b bound, err error) {
	number := func(name string) (n uint64) {
		_, rest, found := strings.Cut(text, name+": ")
		if !found {
			err = fmt.Errorf("reading a request: no %s in %q", name, text)
			return 0
		}
		if _, scanErr := fmt.Sscanf(rest, "%d", &n); scanErr != nil {
			err = fmt.Errorf("reading %s of a request: %w", name, scanErr)
		}
		return n
	}
	b.Round = roundID{number("era_id"), uint32(number("round_id"))}
	_, rest, _ := strings.Cut(text, "chainspec_hash: ")
	list, _, found := strings.Cut(rest, "]")
	var bytes []byte
	if found {
		// A list of numbers in JSON is no []byte.
		var numbers []int
		if listErr := json.Unmarshal([]byte(list+"]"), &numbers); listErr != nil {
			return b, fmt.Errorf("reading the chainspec hash of a request: %w", listErr)
		}
		for _, n := range numbers {
			bytes = append(bytes, byte(n))
		}
	}
	if copy(b.Chainspec[:], bytes) != len(b.Chainspec) {
		return b, fmt.Errorf("reading a request: no chainspec hash in %q", text)
	}
	return b, err
}
