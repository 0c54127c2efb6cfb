package history

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet"
)

// key is the validator's, whole, so that a test can make every signature that should not be there.
type key struct{ ed25519.PrivateKey }

func readKey(t *testing.T) key {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "node-1.secret_key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := casper.ParseSecretKeyPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return key{ed25519.NewKeyFromSeed(seed[:])}
}

func (k key) public() (p casper.PublicKey) {
	copy(p[:], k.Public().(ed25519.PublicKey))
	return p
}

func (k key) of(m casper.Message) (s casper.Signature) {
	copy(s[:], ed25519.Sign(k.PrivateKey, m.SignBytes()))
	return s
}

func (k key) signed(m casper.Message) testnet.Answer {
	return testnet.Answer{Kind: testnet.Signed, Signature: k.of(m), DecidedBy: "c1"}
}

func (k key) bound(held casper.Message) testnet.Answer {
	return testnet.Answer{Kind: testnet.Bound, Held: held, Signature: k.of(held), DecidedBy: "c2"}
}

var (
	unknown = testnet.Answer{Kind: testnet.Unknown, Reason: "Unavailable"}
	refused = testnet.Answer{Kind: testnet.Refused, Reason: "NOT_ACTIVE"}
)

// at is a call that begins and ends at these milliseconds.
func at(begin, end int, asker string, asked casper.Message, a testnet.Answer) Call {
	return Call{Asker: asker, Begin: time.Duration(begin) * time.Millisecond, End: time.Duration(end) * time.Millisecond,
		Asked: asked, Answer: a, Last: strings.HasSuffix(asker, "/last")}
}

func echo(round uint32, value byte) casper.Message {
	return casper.Echo{Round: casper.Round{ID: round}, Proposal: casper.Hash{value}}
}

// honest is what an honest cluster may answer, with calls of which nobody knows what they did.
func honest(k key) History {
	a, b, c := echo(1, 'a'), echo(1, 'b'), echo(1, 'c')
	vote := casper.Vote{Round: casper.Round{ID: 1}, Value: true}
	block := casper.Finality{Height: 9, Block: casper.Hash{'a'}}
	return History{Header: Header{Validator: k.public(), Seed: 7, For: "1s"}, Calls: []Call{
		at(0, 250, "node-a/0", a, unknown), // claims the slot, late
		at(5, 30, "node-b/0", b, refused),
		at(10, 260, "node-b/1", b, unknown),
		at(100, 400, "node-b/2", c, k.bound(a)),
		at(300, 310, "node-a/0", a, k.signed(a)),
		at(320, 330, "node-b/0", vote, k.signed(vote)),
		at(320, 340, "node-a/0", testnet.Other(vote), k.bound(vote)),
		at(300, 2300, "node-a/1", block, unknown), // never claims anything
		at(500, 510, "node-a/last", b, k.bound(a)), at(520, 530, "node-b/last", b, k.bound(a)),
		at(500, 510, "node-a/last", testnet.Other(vote), k.bound(vote)), at(520, 530, "node-b/last",
			testnet.Other(vote), k.bound(vote)),
		at(2500, 2510, "node-b/last", testnet.Other(block), k.signed(testnet.Other(block))),
		at(2520, 2530, "node-a/last", block, k.bound(testnet.Other(block))),
	}}
}

// write writes a history as a run does.
func write(t *testing.T, h History) string {
	t.Helper()
	var b bytes.Buffer
	r := NewRecorder(&b, h.Header)
	for _, c := range h.Calls {
		r.Note(c)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAnHonestHistoryHolds(t *testing.T) {
	h := honest(readKey(t))
	for name, judged := range map[string]History{"as it is": h, "from its file": mustRead(t, write(t, h))} {
		v := Check(judged)
		if len(v.Faults) > 0 || !v.Print(io.Discard) {
			t.Errorf("%s: %s", name, v.Faults)
		}
		if v.Calls != 14 || v.Slots != 3 || v.Answers["bound"] != 7 || v.Answers["unknown Unavailable"] != 3 ||
			v.Won["node-a"] != 1 ||
			v.Won["node-b"] != 2 || v.During != 8 || v.Answered != 5 || v.Finished != 2 {
			t.Errorf("%s: counted %+v", name, v)
		}
	}
}

func mustRead(t *testing.T, text string) History {
	t.Helper()
	h, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Each history goes through its file, since that is what is judged.
func TestWhatMustNeverBeIsFound(t *testing.T) {
	k := readKey(t)
	a, b := echo(1, 'a'), echo(1, 'b')
	other := func(f func(c *Call)) func(*History) {
		return func(h *History) { f(&h.Calls[4]) } // node-a's, signed
	}
	add := func(calls ...Call) func(*History) { return func(h *History) { h.Calls = append(h.Calls, calls...) } }
	for name, test := range map[string]struct {
		mutate func(*History)
		want   string
	}{
		"two values signed":                     {add(at(305, 315, "node-b/0", b, k.signed(b))), "TWO VALUES"},
		"bound to another value than is signed": {add(at(305, 315, "node-b/0", echo(1, 'c'), k.bound(b))), "TWO VALUES"},
		"signed, and later bound to another":    {add(at(600, 610, "node-a/last", a, k.bound(b))), "TWO VALUES"},
		"a signature from another slot": {other(func(c *Call) { c.Answer.Signature = k.of(echo(2, 'a')) }),
			"not valid for the value"},
		"a signature of another value": {other(func(c *Call) { c.Answer.Signature = k.of(b) }), "not valid for the value"},
		"held in another slot": {other(func(c *Call) {
			c.Answer = k.bound(echo(2, 'a'))
		}), "got what echo era 0 round 2"},
		"another validator's key":     {func(h *History) { h.Validator[0] ^= 1 }, "not valid for the value"},
		"bound to what was asked for": {other(func(c *Call) { c.Answer = k.bound(a) }), "not linearizable"},
		// All answers agree, one by one and in pairs; yet node-b was told of a value that nobody had
		// asked for by then.
		"told before it was asked for": {func(h *History) {
			d, e := echo(3, 'd'), echo(3, 'e')
			add(at(0, 10, "node-b/0", d, k.bound(e)), at(20, 40, "node-a/0", e, k.signed(e)), at(25, 30, "node-b/0",
				d, k.bound(e)),
				at(50, 60, "node-a/last", d, k.bound(e)), at(50, 60, "node-b/last", d, k.bound(e)))(h)
		}, "echo era 0 round 3 .* is not linearizable"},
		"not finished for a node": {func(h *History) { h.Calls = h.Calls[:len(h.Calls)-1] }, "never finished for node-a"},
		"not finished at all": {add(at(0, 10, "node-a/0", echo(4, 'a'), unknown), at(600, 610, "node-a/last",
			echo(4, 'a'), unknown)),
			"never finished for node-b"},
	} {
		h := honest(k)
		test.mutate(&h)
		v := Check(mustRead(t, write(t, h)))
		found := strings.Join(v.Faults, "\n")
		if !regexp.MustCompile(test.want).MatchString(found) || v.Print(io.Discard) {
			t.Errorf("%s: found %q, want %q", name, found, test.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	k := readKey(t)
	whole := write(t, honest(k))
	lines := strings.SplitAfter(whole, "\n")
	for name, text := range map[string]string{
		"nothing":                  "",
		"cut off in a line":        whole[:len(whole)-30],
		"cut off after a line":     strings.Join(lines[:len(lines)-2], ""),
		"a call is missing":        strings.Join(lines[:3], "") + strings.Join(lines[4:], ""),
		"calls behind the end":     whole + lines[1],
		"two runs":                 whole + whole,
		"no calls":                 lines[0] + "{\"whole\":0}\n",
		"another kind of answer":   strings.Replace(whole, `"answer":"refused"`, `"answer":"maybe"`, 1),
		"signed without signature": strings.Replace(whole, `"signature":`, `"sign":`, 1),
		"bound to nothing":         strings.Replace(whole, `"held":`, `"holds":`, 1),
		"no slot":                  strings.Replace(whole, `"kind":"zug"`, `"kind":"consensus_certificate"`, 1),
		"ends before it begins":    strings.Replace(whole, `"end":250000000`, `"end":-1`, 1),
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: was read", name)
		}
	}
	if _, err := Read(strings.NewReader(whole)); err != nil {
		t.Errorf("whole: %v", err)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestARecorderTellsThatItsFileIsNotWhole(t *testing.T) {
	r := NewRecorder(fullDisk{}, Header{})
	r.Note(at(0, 1, "node-a/0", echo(1, 'a'), unknown))
	if r.Close() == nil {
		t.Error("a history that could not be written was closed without an error")
	}
}

// What a slot holds, as far as it is known, is what its last callers ask other values of.
func TestSlots(t *testing.T) {
	k := readKey(t)
	r := NewRecorder(io.Discard, Header{})
	for _, c := range honest(k).Calls[:8] {
		r.Note(c)
	}
	got := map[casper.Message]bool{}
	for _, m := range r.Slots() {
		got[m] = true
	}
	want := []casper.Message{echo(1, 'a'), casper.Vote{Round: casper.Round{ID: 1}, Value: true},
		casper.Finality{Height: 9, Block: casper.Hash{'a'}}}
	for _, m := range want {
		if len(got) != len(want) || !got[m] {
			t.Errorf("slots %v, want %v", got, want)
		}
	}
}

// TestTooRare: half of what was planned is enough, rounded down, and of two one.
func TestTooRare(t *testing.T) {
	for _, c := range []struct {
		planned, done int
		rare          bool
	}{{0, 0, false}, {1, 0, false}, {2, 0, true}, {2, 1, false}, {7, 2, true}, {7, 3, false}, {7, 7, false}} {
		if err := TooRare(map[string]int{"cut": c.planned},
			map[string]int{"cut": c.done, "slow": 1}); (err != nil) != c.rare {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
