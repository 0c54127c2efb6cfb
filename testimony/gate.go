package testimony

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"casper-cosigner/rule/founding"
	"casper-cosigner/rule/witness"
)

// Open returns nil while shares may be given, and else why not.
func (s *Stand) Open() error {
	if s.open.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(s.Now())
	return s.shut
}

// Founded reports whether the log was founded, as of the last look, or held a command as it was
// opened, which may be read back still.
func (s *Stand) Founded() bool { return s.stored || s.founded.Load() }

// MayFound returns nil once this cosigner knows of nothing that stands against founding the
// cluster.
func (s *Stand) MayFound() error {
	if s.founded.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(s.Now())
	return s.founding().Against()
}

// MayFollow returns nil unless something that this cosigner knows stands against a founding which
// another one leads.
func (s *Stand) MayFollow() error {
	if s.founded.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(s.Now())
	return s.founding().AgainstFollowing()
}

// Run looks at the state while the gate is shut, lets statements age, reads the operator's words,
// and says why nothing is signed, until ctx ends.
func (s *Stand) Run(ctx context.Context) {
	tick, read := time.NewTicker(lookEvery), time.NewTicker(wordsEach)
	defer tick.Stop()
	defer read.Stop()
	for {
		select {
		case <-tick.C:
			s.mu.Lock()
			now := s.Now()
			if !s.open.Load() || len(s.fresh) > 0 && now.Sub(s.fresh[0].at) >= behindFor {
				s.look(now)
				s.say(now)
			}
			s.mu.Unlock()
		case <-read.C:
			s.reread()
		case <-ctx.Done():
			return
		}
	}
}

// reread reads the operator's words, while they count.
func (s *Stand) reread() {
	if s.founded.Load() {
		return
	}
	words, err := s.Words()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.Logger.Error().Err(err).Msg("reading what was typed for the founding")
		return
	}
	s.words = words
}

// look judges the state by what is known now, and moves the gate. Only time in which an agent could
// be heard is waited: what came while the process was paused is read after this, and not before.
func (s *Stand) look(now time.Time) {
	s.waited, s.looked = s.waited+min(now.Sub(s.looked), paused), now
	held := s.Held()
	s.led = s.led || held.Led
	s.shut = s.judge(held, now)
	if len(s.unheard()) == 0 || s.waited >= s.Wait {
		s.waits.Store(false)
	}
	// A log that is being read back has no Genesis yet.
	if s.shut == nil && held.Started && !s.opened {
		s.opened = true
		if silent := s.unheard(); len(silent) > 0 {
			s.Logger.Warn().Strs("agents", silent).Dur("waited", s.Wait).Msg("giving shares without having heard what these " +
				"agents remember: if this state was put back from a copy, nobody else can tell")
		}
	}
	s.open.Store(s.shut == nil && held.Started)
}

func (s *Stand) judge(held Held, now time.Time) error {
	for len(s.fresh) > 0 && (!s.opened || now.Sub(s.fresh[0].at) >= behindFor) {
		s.book.Keep(s.fresh[0].Signed)
		s.fresh = s.fresh[1:]
	}
	if s.lost != "" {
		return errors.New(s.lost)
	}
	s.verdict = witness.Judge(held.Holding, s.Members, s.book.Current())
	switch {
	case s.verdict.Finding == witness.Lost || s.verdict.Finding == witness.Behind && held.Started:
		return s.refuse()
	case !held.Started && !held.Stored:
		return s.founding().Against()
	case held.Started:
		s.founded.Store(true)
	}
	if silent := s.unheard(); len(silent) > 0 && !s.opened && s.waited < s.Wait {
		return fmt.Errorf("this cosigner waits for what the agents remember of it, for %v from its start: %s not heard yet",
			s.Wait, strings.Join(s.described(silent), ", "))
	}
	// A log that was read back from a snapshot has its Genesis before anybody let this process in. One
	// that all others refuse must state nothing: it would be held against a newer, sound directory.
	if !held.Started || !s.led {
		return errUnled
	}
	return nil
}

// refuse says what the verdict is. A lost state is noted for good before anything else is done.
func (s *Stand) refuse() error {
	v := s.verdict
	seen := fmt.Sprintf("%s shows a statement signed by %s: %s", s.bringer(v.By), v.By.Name, v.What)
	if v.Finding == witness.Behind {
		return fmt.Errorf("this cosigner gives no share until its state holds what was proven to it: %s. "+
			"It opens by itself once it has caught up with the others. If it does not, because theirs was restored or made "+
			"anew as well, stop all of them and see docs/recovery.md, \"Refused by a witness\"", seen)
	}
	s.lost = fmt.Sprintf("this cosigner has lost what it remembered, and gives no share from this state directory any "+
		"more: %s (%v). Stop it and leave it stopped; do not restore, copy or initialise a directory for it once more. "+
		"What to do: docs/recovery.md, \"Refused by a witness\"", seen, v.By.Statement)
	gone := s.lost
	s.gone.Store(&gone)
	s.shown = nil // from now on it states nothing
	s.mark()
	return errors.New(s.lost)
}

// Lost returns why this state was found to be lost, nil if it was not. It does not wait for
// anybody.
func (s *Stand) Lost() error {
	if why := s.gone.Load(); why != nil {
		return errors.New(*why)
	}
	return nil
}

var (
	errUnled = errors.New("this cosigner does not know yet how far the log has come: it waits for a majority of the " +
		"cosigners to be up, to let it in and to elect a leader")
	errWaits = errors.New("this cosigner takes no part in the log until the agents were heard, or the wait for them " +
		"is over")
)

// Waits returns an error while an agent may yet be heard that shows this state to be lost. A state
// that holds nothing has lost nothing, and is founded by other rules. It does not wait for anybody.
func (s *Stand) Waits() error {
	if s.waits.Load() {
		return errWaits
	}
	return nil
}

// mark keeps the finding in the directory. Until that worked it is tried again whenever it is said.
func (s *Stand) mark() {
	if s.marked {
		return
	}
	if err := s.Directory.MarkLost(s.lost); err != nil {
		s.Logger.Error().Err(err).Bool("alarm", true).Msg("that this state is lost holds for this process alone until it " +
			"can be written: do not start it again")
		return
	}
	s.marked = true
}

func (s *Stand) bringer(by witness.Signed) string {
	from := s.brought[by.Key]
	if slices.Contains(s.Agents, from) {
		return "agent " + from
	}
	return "cosigner " + from
}

// unheard returns the agents that have not pinged this process.
func (s *Stand) unheard() (silent []string) {
	for _, node := range s.Agents {
		if _, ok := s.heard[node]; !ok {
			silent = append(silent, node)
		}
	}
	return silent
}

// described tells of the agents that are not heard those that ping.
func (s *Stand) described(silent []string) (all []string) {
	for _, node := range silent {
		text := node
		if n := s.unread[node]; n > 0 {
			text += fmt.Sprintf(" (in part: %d of its statements are none that this release can read)", n)
		} else if s.partly[node] {
			text += " (in part: the rest of what it shows is looked at as it shows that again)"
		}
		all = append(all, text)
	}
	return all
}

// founding is what this cosigner knows that may stand against founding the cluster.
func (s *Stand) founding() founding.Look {
	l := founding.Look{First: s.First, Lost: s.lost, Waited: s.waited, Wait: s.Wait, Told: s.told,
		Words: founding.Words{Without: s.words.Without, Absent: s.words.Absent, Disregard: s.words.Disregard,
			Stopped: s.saidStopped()},
		Most: most(s.Members), Checks: checks(s.Members), Bringer: s.bringer}
	for _, node := range s.Agents {
		_, heard := s.heard[node]
		l.Agents = append(l.Agents, founding.Agent{Node: node, Heard: heard, Last: s.chain[node], Cut: s.cut[node],
			Partly: s.partly[node], Unread: s.unread[node], Foreign: s.foreign[node]})
	}
	return l
}

// saidStopped reports whether an operator said lately that nothing ran which holds the whole key:
// what was true then another start of such a node makes untrue.
func (s *Stand) saidStopped() bool {
	said := s.words.Stopped
	return said != 0 && s.Now().Sub(time.Unix(said, 0)).Abs() < stoppedFor
}

// Status is what an operator is told.
type Status struct {
	Unheard []string // agents that have not pinged this process
	Shut    string   // why no share is given, empty if that is not for want of witnesses
}

// Status returns what an operator is told.
func (s *Stand) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{Unheard: s.unheard()}
	if s.look(s.Now()); s.shut != nil {
		out.Shut = s.shut.Error()
	}
	return out
}

// Resets returns how many resets of the heights each other cosigner states to have made.
func (s *Stand) Resets() map[string]uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.told.Resets()
	delete(made, s.Name)
	return made
}

// say logs why nothing is signed: at once, and then now and then.
func (s *Stand) say(now time.Time) {
	if s.shut == nil {
		s.saidAt = time.Time{}
		return
	}
	if !s.saidAt.IsZero() && now.Sub(s.saidAt) < sayEvery {
		return
	}
	s.saidAt = now
	if s.lost != "" {
		s.mark()
		s.Logger.Error().Bool("alarm", true).Msg("ALARM: " + s.lost)
		return
	}
	s.Logger.Info().Msg(s.shut.Error())
}
