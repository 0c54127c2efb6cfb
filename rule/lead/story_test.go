package lead_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/lead"
)

// TestStories plays testdata/*.story. The first line says what the story is about; a line "given N
// cosigners" may follow (three, if not), and one "given c1 at 80ms" (else its pings take 1 ms).
// Then each line is a time and one of
//
//	c1 says c2 7             a ping is answered: c2 leads in term 7; or nobody does: c1 says nobody 7
//	all say c2 7
//	c1 loses a ping
//	c1 answers for c2        a request is answered, decided by c2
//	c1 is late since 150ms   with a request that was made then
//	c1 is gone               refuses the connection, or says that it can do nothing
//	=> c1 c2 c3              who is asked for a request with 250 ms left, one after the other
//	=> c1 in 60ms            the same with so much time left, from the second on
//	=> leave c1, => wait for c1
//	=> doubt, => no doubt
//	=> final c1, => not final c1   whether its refusal is
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".story"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(text), "# ") {
				t.Error("the story does not say what it is about")
			}
			s := newStory(3)
			for n, line := range strings.Split(string(text), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if words := strings.Fields(line); len(words) > 0 {
					if err := s.line(words); err != nil {
						t.Fatalf("line %d: %s: %v", n+1, line, err)
					}
				}
			}
		})
	}
}

// story is a belief, and the time in which it is told of.
type story struct {
	lead.Belief
	n   int
	rtt map[int]time.Duration
	now time.Time
}

func newStory(n int) *story {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("c%d", i+1))
	}
	return &story{Belief: lead.New(names), n: n, rtt: map[int]time.Duration{}}
}

var start = time.UnixMilli(1_800_000_000_000)

func (s *story) line(words []string) error {
	if words[0] == "given" {
		return s.given(words[1:])
	}
	at, err := time.ParseDuration(words[0])
	if err != nil || start.Add(at).Before(s.now) {
		return fmt.Errorf("time %q: %v", words[0], err)
	}
	s.now = start.Add(at)
	if words[1] == "=>" {
		return s.expect(words[2:])
	}
	return s.happens(words[1:])
}

func (s *story) given(words []string) error {
	var n int
	var rtt string
	text := strings.Join(words, " ")
	if _, err := fmt.Sscanf(text, "%d cosigners", &n); err == nil {
		*s = *newStory(n)
		return nil
	}
	if _, err := fmt.Sscanf(text, "c%d at %s", &n, &rtt); err != nil {
		return err
	}
	d, err := time.ParseDuration(rtt)
	s.rtt[n-1] = d
	return err
}

func (s *story) happens(words []string) error {
	var i int
	var other, since string
	var term uint64
	text := strings.Join(words, " ")
	scan := func(format string, into ...any) bool {
		n, err := fmt.Sscanf(text, format, into...)
		return err == nil && n == len(into)
	}
	switch {
	case scan("all say %s %d", &other, &term):
		for i := range s.n {
			s.says(i, other, term)
		}
	case scan("c%d says %s %d", &i, &other, &term):
		s.says(i-1, other, term)
	case scan("c%d answers for %s", &i, &other):
		s.Answered(i-1, other, s.now)
	case scan("c%d is late since %s", &i, &since):
		d, err := time.ParseDuration(since)
		s.Late(i-1, start.Add(d), s.now)
		return err
	case text == words[0]+" loses a ping":
		s.Pinged(s.Number(words[0]), lead.Ping{Lost: true}, s.now)
	case text == words[0]+" is gone":
		s.Gone(s.Number(words[0]), s.now)
	default:
		return fmt.Errorf("not understood")
	}
	return nil
}

func (s *story) says(i int, leader string, term uint64) {
	rtt, ok := s.rtt[i]
	if !ok {
		rtt = time.Millisecond
	}
	s.Pinged(i, lead.Ping{RTT: rtt, Leader: strings.TrimPrefix(leader, "nobody"), Term: term}, s.now)
}

func (s *story) expect(words []string) error {
	want, got := strings.Join(words, " "), ""
	switch words[0] {
	case "doubt", "no":
		if got = "no doubt"; s.Doubts(s.now) {
			got = "doubt"
		}
	case "final", "not":
		name := words[len(words)-1]
		if got = "not final " + name; s.Leads(s.Number(name)) {
			got = "final " + name
		}
	case "leave", "wait":
		name := words[len(words)-1]
		if got = "wait for " + name; s.Left(s.Number(name), s.now) {
			got = "leave " + name
		}
	default:
		left := 250 * time.Millisecond
		if n := len(words); n > 2 && words[n-2] == "in" {
			var err error
			if left, err = time.ParseDuration(words[n-1]); err != nil {
				return err
			}
			want = strings.Join(words[:n-2], " ")
		}
		got = s.order(left)
	}
	if got != want {
		return fmt.Errorf("got %s", got)
	}
	return nil
}

// order is who is asked, if nobody can answer.
func (s *story) order(left time.Duration) string {
	var all []string
	tried := make([]bool, s.n)
	for {
		i, ok := s.Next(tried, left, s.now)
		if !ok {
			return strings.Join(all, " ")
		}
		tried[i] = true
		all = append(all, fmt.Sprintf("c%d", i+1))
	}
}
