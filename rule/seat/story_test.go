package seat_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStories plays testdata/*.story: three cosigners c1, c2 and c3, of which two sign, two nodes
// main and standby, main active, c1 leading and everything 1 ms apart, until told otherwise. The
// first line says what the story is about. Then each line is a time and either
//
//	A, B, ... are D apart          each of them from each other, agents too
//	A and B are D apart            these two only
//	A says that B is D away        it lies
//	A does not reach B
//	C leads                        it was elected
//	NODE becomes active
//	roles are unsettled|settled
//	C restarts                     and has forgotten everything
//	C stops|starts                 it answers nobody meanwhile
//	C is unfit|fit                 by its own word
//	C is distrusted|trusted        by all the others
//	C lags|keeps up
//	C gives up the lead to D       for a reason of its own
//	=> C to D                      is done, just then; whatever is done must be in the story
//	=> nothing                     since the line before, and not now
//	=> WORDS                       the leader says why it does not hand over
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".story"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			w, expected := newWorld(3, 2), []string{}
			in := bufio.NewScanner(f)
			for n := 1; in.Scan(); n++ {
				line, _, _ := strings.Cut(in.Text(), "#")
				if n == 1 && !strings.HasPrefix(in.Text(), "# ") {
					t.Error("the story does not say what it is about")
				}
				at, what, ok := strings.Cut(strings.TrimSpace(line), " ")
				if !ok {
					continue
				}
				d, err := time.ParseDuration(at)
				if err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				for w.t < d {
					w.pass()
				}
				what = strings.TrimSpace(what)
				if want, ok := strings.CutPrefix(what, "=> "); !ok {
					w.happens(t, strings.Fields(what))
				} else if strings.Contains(want, " to c") {
					expected = append(expected, at+" "+want)
				} else if why := w.why(); want != "nothing" && !strings.Contains(why, want) {
					t.Errorf("line %d: the leader says: %s", n, why)
				}
			}
			var done []string
			for _, m := range w.moves {
				done = append(done, fmt.Sprintf("%v %s to %s", m.at, m.from, m.to))
			}
			for i, e := range expected { // as people write times
				at, what, _ := strings.Cut(e, " ")
				d, _ := time.ParseDuration(at)
				expected[i] = fmt.Sprintf("%v %s", d, what)
			}
			if !slices.Equal(done, expected) {
				t.Errorf("done:\n\t%s\nwant:\n\t%s", strings.Join(done, "\n\t"), strings.Join(expected, "\n\t"))
			}
		})
	}
}

func (w *world) happens(t *testing.T, f []string) {
	t.Helper()
	duration := func(text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	said := strings.Join(f, " ")
	switch {
	case strings.HasSuffix(said, " apart"):
		d := duration(f[len(f)-2])
		who := slices.DeleteFunc(slices.Clone(f[:len(f)-3]), func(s string) bool { return s == "and" })
		for i, a := range who {
			for _, b := range who[i+1:] {
				w.apart(strings.TrimSuffix(a, ","), strings.TrimSuffix(b, ","), d)
			}
		}
	case strings.Contains(said, " says that "):
		w.lies[pair{f[0], f[3]}] = duration(f[5])
	case strings.Contains(said, " does not reach "):
		w.lies[pair{f[0], f[4]}] = -1
	case said == "roles are settled", said == "roles are unsettled":
		w.settled = f[2] == "settled"
	case strings.HasSuffix(said, " becomes active"):
		w.active = f[0]
	case strings.Contains(said, " gives up the lead to "):
		w.members[f[0]].seat.Gave(w.now())
		w.leader = f[6]
	case w.members[f[0]] == nil:
		t.Fatalf("nothing like that happens: %s", said)
	default:
		w.befalls(t, w.members[f[0]], strings.Join(f[1:], " "))
	}
}

func (w *world) befalls(t *testing.T, m *member, what string) {
	t.Helper()
	switch what {
	case "leads":
		w.leader = m.name
	case "restarts", "starts":
		w.start(m)
	case "stops":
		m.down = true
	case "is unfit", "is fit":
		m.unfit = what == "is unfit"
	case "is distrusted", "is trusted":
		m.distrusted = what == "is distrusted"
	case "lags", "keeps up":
		m.behind = map[string]uint64{"lags": 1001, "keeps up": 1000}[what]
	default:
		t.Fatalf("nothing like that happens to %s: %s", m.name, what)
	}
}
