package stage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"casper-cosigner/rule/casper"
)

// RoundID names a Zug round of a chain.
type RoundID struct {
	Era   uint64
	Round uint32
}

func (r RoundID) String() string { return fmt.Sprintf("%d/%d", r.Era, r.Round) }

// Round is a Zug round as a node's log tells of it.
type Round struct {
	Era    uint64
	ID     uint32
	Leader int // index among the era's validators; -1: the log does not tell, as of the round with which an era begins
	Start  time.Time
}

// Name names it.
func (r Round) Name() RoundID { return RoundID{r.Era, r.ID} }

// era is an era as a node's log tells of it. The instance is shortened, as "a97f..89d2".
type era struct {
	Number   uint64
	Start    time.Time
	Instance string
}

// Timeline is the rounds and eras of one run of a node, in the order of its log.
type Timeline struct {
	eras   []era
	rounds []Round
}

// Asked is one request of a node for a signature, as its client of the agent tells of it.
type Asked struct {
	At      time.Time
	Kind    string // echo, vote, finality, handshake
	Slot    string // as "echo era 12 round 3 instance 7d9f81ac/2"
	Outcome string // signed, bound, refused, unavailable
	Why     string
	Took    time.Duration
}

// Answered tells whether there was a signature.
func (a Asked) Answered() bool { return a.Outcome == "signed" || a.Outcome == "bound" }

// bound says that a Zug slot that the node asked for held another value.
type bound struct {
	At        time.Time
	Round     RoundID
	Chainspec casper.Hash
}

// Story is what one run of a node told.
type Story struct {
	Timeline
	Asked []Asked
	Bound []bound
}

// What is read in logs (casper-node zug.rs and era_supervisor.rs; the last two are of our client
// and of our edits).
const (
	startedRound = "started a new round"
	startingEra  = "starting era"
	askedFor     = "asked for a signature"
	signedFirst  = "the other node has signed first"
)

// LogLine is a line of a node's log, as far as it is used.
type LogLine struct {
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
func (s *Story) read(line []byte) error {
	used := false
	for _, message := range []string{startedRound, startingEra, askedFor, signedFirst} {
		used = used || bytes.Contains(line, []byte(`"message":"`+message+`"`))
	}
	if !used {
		return nil
	}
	var l LogLine
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("reading a line of a node's log: %w", err)
	}
	switch f := l.Fields; f.Message {
	case startingEra:
		s.eras = append(s.eras, era{Number: f.Era, Start: l.Timestamp, Instance: f.Instance})
		s.rounds = append(s.rounds, Round{Era: f.Era, Leader: -1, Start: l.Timestamp})
	case startedRound:
		if number, ok := s.eraOfNext(f.Round); ok {
			s.rounds = append(s.rounds, Round{Era: number, ID: f.Round, Leader: f.Leader, Start: l.Timestamp})
		}
	case askedFor:
		s.Asked = append(s.Asked, Asked{At: l.Timestamp, Kind: f.Kind, Slot: f.Slot, Outcome: f.Outcome, Why: f.Why,
			Took: time.Duration(f.Micros) * time.Microsecond})
	case signedFirst:
		b, err := parseRequest(f.Request)
		if err != nil {
			return err
		}
		b.At = l.Timestamp
		s.Bound = append(s.Bound, b)
	}
	return nil
}

// eraOfNext finds the era whose next round this is. The log does not name it: an era that is over
// may go on for a round.
func (t *Timeline) eraOfNext(id uint32) (uint64, bool) {
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

// Newest is the last round of the newest era, false before the first.
func (t *Timeline) Newest() (newest Round, ok bool) {
	for _, r := range t.rounds {
		if !ok || r.Era > newest.Era || r.Era == newest.Era && r.ID > newest.ID {
			newest, ok = r, true
		}
	}
	return newest, ok
}

// before is the last round that had begun at that time, false if there was none.
func (t *Timeline) before(at time.Time) (last Round, ok bool) {
	for _, r := range t.rounds {
		if !r.Start.After(at) {
			last, ok = r, true
		}
	}
	return last, ok
}

// Index returns the rounds by their names, each with the start of the one that the log tells of
// next; that is zero for the last.
func (t *Timeline) Index() map[RoundID]Placed {
	all := map[RoundID]Placed{}
	for i, r := range t.rounds {
		p := Placed{Round: r}
		if i+1 < len(t.rounds) {
			p.End = t.rounds[i+1].Start
		}
		all[r.Name()] = p
	}
	return all
}

// Placed is a round with its end.
type Placed struct {
	Round
	End time.Time
}

// EraStart returns when the newest era began, by the log.
func (t *Timeline) EraStart() (number uint64, at time.Time) {
	if len(t.eras) == 0 {
		return 0, time.Time{}
	}
	last := t.eras[len(t.eras)-1]
	return last.Number, last.Start
}

// eraOf finds the era of an instance, given in full.
func (t *Timeline) eraOf(instance string) (uint64, bool) {
	for _, e := range t.eras {
		head, tail, short := strings.Cut(e.Instance, "..")
		if e.Instance == instance || short && strings.HasPrefix(instance, head) && strings.HasSuffix(instance, tail) {
			return e.Number, true
		}
	}
	return 0, false
}

// parseRequest reads what our client's Debug makes of a Zug request (node/remote-signer
// message.rs).
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
	b.Round = RoundID{number("era_id"), uint32(number("round_id"))}
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
