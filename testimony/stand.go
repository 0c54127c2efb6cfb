package testimony

import (
	"crypto/ed25519"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	cosignerv1 "casper-cosigner/proto/casper/cosigner/v1"
	"casper-cosigner/rule/watermark"
	"casper-cosigner/rule/wire"
	"casper-cosigner/rule/witness"
	"casper-cosigner/statedir"
)

const (
	// behindFor is how much later than t others a follower may learn of a commit. So a statement that
	// comes while the gate is open is held against the state this much later.
	behindFor = 500 * time.Millisecond
	lookEvery = 100 * time.Millisecond
	// paused is what counts at most of the time between two looks: more is a process that did not run.
	paused    = 10 * lookEvery
	wordsEach = time.Second
	sayEvery  = 10 * time.Second
	// stoppedFor is how long an operator's word counts that nothing runs which holds the whole key.
	stoppedFor = time.Hour
)

// Held is what the own state holds.
type Held struct {
	witness.Holding
	Started bool // the log has its Genesis
	Stored  bool // a command was in the log as it was opened, whether or not it is applied by now
	Led     bool // a leader is known
}

// Directory is the state directory, for what must outlive the process.
type Directory interface {
	// Lost must return why the directory was found to have lost its memory, empty if it was not.
	Lost() (why string, err error)
	// MarkLost must note that durably.
	MarkLost(why string) error
}

// StandConfig is what a Stand is made of.
type StandConfig struct {
	Name    string
	Members witness.Members
	Key     ed25519.PrivateKey
	Agents  []string      // nodes whose agents are waited for
	Wait    time.Duration // for how long, once the log has its Genesis
	Every   time.Duration // between two signatures of the own statement
	First   watermark.Mark
	// Held must return what the state holds now. It must not block for long.
	Held func() Held
	// Words must return what an operator typed on this host.
	Words     func() (statedir.Words, error)
	Directory Directory
	Now       func() time.Time // monotonic
	Logger    zerolog.Logger
}

// Stand is where a cosigner states what it remembers and hears what others remember of it.
// OpenStand makes one; Run watches. Its methods may be called concurrently, and none is called
// while the state is viewed.
type Stand struct {
	StandConfig
	open    atomic.Bool            // shares may be given, as of the last look
	waits   atomic.Bool            // for what agents may know of this state, as of the last look
	founded atomic.Bool            // the log has its Genesis
	gone    atomic.Pointer[string] // why the state is lost, nil if it is not
	known   atomic.Uint64          // statements that were new to it
	stored  bool                   // a command was in the log as it was opened
	others  looked

	mu       sync.Mutex    // guards all below
	waited   time.Duration // for agents, as of the last look
	looked   time.Time
	heard    map[string]time.Time
	warned   map[string]bool        // of another cluster, as that node shows
	partly   map[string]bool        // more was new in its last ping than may be verified in a second
	cut      map[string]int         // statements that it shows, if too many
	unread   map[string]int         // of these, those that are not statements as this release knows them
	book     *witness.Book          // what is held against the state
	fresh    []fresh                // what is not yet
	told     *witness.Book          // what is told to agents
	brought  map[witness.Key]string // which agent showed what is held, by the signing key
	foreign  map[string][]witness.Signed
	chain    map[string]watermark.Mark // last block of each agent's node, until the cluster is founded
	anew     map[witness.ID]bool       // directories that were told of
	judged   map[witness.Signed]bool   // of what this cosigner signed as another process
	budget   budgets
	words    statedir.Words
	led      bool   // a leader has been known
	opened   bool   // the gate has been open
	shut     error  // why the gate is, as of the last look
	lost     string // why it never opens again
	marked   bool   // and the directory says so
	verdict  witness.Verdict
	own      *cosignerv1.SignedStatement
	stated   witness.Signed
	statedAt time.Time
	shown    []*cosignerv1.SignedStatement
	saidAt   time.Time // why nothing is signed
}

// fresh is a statement that came while the gate was open.
type fresh struct {
	witness.Signed
	at time.Time
}

// OpenStand returns a Stand whose gate is shut.
func OpenStand(c StandConfig) (*Stand, error) {
	lost, err := c.Directory.Lost()
	if err != nil {
		return nil, err
	}
	s := &Stand{StandConfig: c, looked: c.Now(), heard: map[string]time.Time{},
		warned: map[string]bool{}, partly: map[string]bool{}, cut: map[string]int{}, unread: map[string]int{},
		book: witness.NewBook(c.Members), told: witness.NewBook(c.Members),
		brought: map[witness.Key]string{}, foreign: map[string][]witness.Signed{}, judged: map[witness.Signed]bool{},
		chain: map[string]watermark.Mark{}, anew: map[witness.ID]bool{},
		budget: budgets{}, lost: lost, marked: lost != ""}
	if lost != "" {
		s.gone.Store(&lost)
	}
	s.stored = c.Held().Stored
	s.waits.Store(s.stored)
	s.words, err = c.Words()
	return s, err
}

// HeardChain notes the era and height of the last block of the node, as its agent says.
func (s *Stand) HeardChain(node string, last watermark.Mark) {
	if s.founded.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chain[node] = last
}

// HeardAgent notes that the node's agent pinged, and what it shows. It is heard once all that it
// shows of the members was looked at: what was left out, or cannot be read, may be what this
// cosigner has lost. Who shows false statements for ever is waited for as one that is silent.
func (s *Stand) HeardAgent(node string, all []*cosignerv1.SignedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var others []witness.Signed
	by, members, rest, unread, ours := s.hears(node), true, true, 0, 0
	s.tooMany(node, len(all))
	for _, p := range all[:min(len(all), most(s.Members))] {
		signed, err := witness.Read(p.GetText(), p.GetKey(), p.GetSignature())
		switch {
		case err != nil:
			unread++
		case signed.Validator != s.Members.Validator:
		case s.Members.Has(signed):
			ours++
			members = s.keep(signed, true, by) && members
		default:
			others = append(others, signed)
		}
	}
	for _, signed := range others { // no budget is left to them that a member's needs
		rest = s.keepForeign(signed, by) && rest
	}
	s.partly[node], s.unread[node] = !members || !rest, unread
	if _, before := s.heard[node]; !before && members && unread == 0 {
		s.heard[node] = by.now
		if ours == 0 && s.stored {
			s.Logger.Warn().Str("agent", node).Msg("this agent remembers nothing of the cosigners, so it could not show it " +
				"if this one had lost something: it counts as heard. If it is not new it has lost its witness.json")
		}
		s.look(by.now)
	}
}

// tooMany notes how many statements an agent shows, if not all of them are looked at, and says so
// once. An agent shows the members' first, so what is left out can only matter for a founding.
func (s *Stand) tooMany(node string, shown int) {
	looked := most(s.Members)
	if shown <= looked {
		delete(s.cut, node)
		return
	}
	if s.cut[node] == 0 {
		s.Logger.Warn().Str("agent", node).Int("shown", shown).Int("looked_at", looked).Msg("this agent shows more " +
			"statements than are looked at. Unless it is hostile its witness.json has those of many clusters that were given up")
	}
	s.cut[node] = shown
}

// HeardCosigner notes what another cosigner shows: first what it states of itself, then what it has
// heard of the members, this one included. An agent may reach that one and not this one, and
// whoever shows a statement, it counts by its signature alone.
func (s *Stand) HeardCosigner(name string, all []*cosignerv1.SignedStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := s.hears(name)
	for i, signed := range wire.ReadStatements(all[:min(len(all), most(s.Members))]) {
		if s.Members.Has(signed) {
			s.keep(signed, !witness.FirstHand(name, i, signed), by)
		}
	}
}

// hearing is one ping, or one call between cosigners.
type hearing struct {
	from string
	now  time.Time
	// held is what the state held when it was first asked for, which is after all was signed that
	// comes with this call: looked up once, however many statements come that nobody signed.
	held func() Held
}

func (s *Stand) hears(from string) hearing {
	return hearing{from: from, now: s.Now(), held: sync.OnceValue(s.Held)}
}

// mayCheck reports whether another signature may be verified for that member now.
func (s *Stand) mayCheck(by hearing) bool {
	return s.budget.may(s.Members, by.from, by.now)
}

// keep keeps a member's statement, if it is new. While the gate has never been open
// it counts at once; so does ever what this cosigner signed itself. It is false if that could not
// be verified now.
func (s *Stand) keep(signed witness.Signed, hearsay bool, by hearing) bool {
	switch {
	case signed.Name == s.Name && (signed.Session != s.stated.Session || by.held().Lacks(signed.Statement)):
		return s.keepEarlier(signed, by)
	case !s.told.WantsAs(signed, hearsay):
		return true
	case !s.mayCheck(by):
		return false
	case !s.told.KeepAs(signed, hearsay):
		return true
	}
	s.shown = nil
	s.known.Add(1)
	s.brought[signed.Key] = by.from
	if s.opened && signed.Name != s.Name {
		s.fresh = append(s.fresh, fresh{signed, by.now})
		return true
	}
	s.book.Keep(signed)
	s.look(by.now)
	return true
}

// keepEarlier judges what this cosigner signed as an earlier process, as one that it does not know,
// or before its machine was put back, by itself: however little it claims, and whatever this one
// and others stated since, the log may have been put back, and have grown. It is false if it could
// not be verified now.
func (s *Stand) keepEarlier(signed witness.Signed, by hearing) bool {
	switch {
	case s.judged[signed] || s.lost != "":
		return true
	case !s.mayCheck(by):
		return false
	case !signed.Verify():
		return true
	}
	if len(s.judged) == most(s.Members) {
		clear(s.judged)
	}
	s.judged[signed] = true
	s.brought[signed.Key] = by.from
	if s.told.KeepAs(signed, true) {
		s.shown = nil
	}
	s.book.Keep(signed)
	if v := witness.Judge(s.Held().Holding, s.Members, []witness.Signed{signed}); v.Finding == witness.Lost {
		s.verdict = v
		_ = s.refuse()
	}
	s.warnAnew(signed, by.from)
	s.look(by.now)
	return true
}

// warnAnew tells once of each state directory on which this cosigner was made anew, while this one
// gives shares: nothing is bound there yet, so it is not obeyed, but will be. It stops nothing: a
// founding far too high is taken back while the cosigners of before go on.
func (s *Stand) warnAnew(signed witness.Signed, from string) {
	if !s.opened || s.lost != "" || s.anew[signed.Directory] || len(s.anew) == most(s.Members) ||
		!signed.Anew(s.Held().Statement) {
		return
	}
	s.anew[signed.Directory] = true
	s.Logger.Error().Bool("alarm", true).Str("shown_by", from).Msg("ALARM: this cosigner was made anew on another state " +
		"directory, and this one gives shares beside it: " + signed.String() + ". As soon as that one signs slots may be " +
		"signed twice. Stop all cosigners of one of the two clusters at once, on whatever host they run, and see " +
		"docs/recovery.md, \"The cluster founded anew\"")
}

// keepForeign keeps what somebody else states than a member in this cluster, while it matters:
// until the cluster is founded. While its log bound nothing it says nothing against a founding, and
// is not to hide what was bound before. It is false if that could not be verified now.
func (s *Stand) keepForeign(signed witness.Signed, by hearing) bool {
	list := s.foreign[by.from]
	i := slices.IndexFunc(list, func(f witness.Signed) bool { return f.Cluster == signed.Cluster && f.Key == signed.Key })
	switch {
	case s.founded.Load():
		s.warn(signed, by)
	case !signed.Bound():
	case i < 0 && len(list) == most(s.Members) || i >= 0 && !signed.Replaces(list[i].Statement):
	case !s.mayCheck(by):
		return false
	case !signed.Verify():
	case i >= 0:
		list[i] = signed
	default:
		s.foreign[by.from] = append(list, signed)
	}
	return true
}

// warn tells once of each node that it shows more than this cluster signed, by another cluster of
// this validator. It stops nothing: any node may make that up.
func (s *Stand) warn(signed witness.Signed, by hearing) {
	if !s.opened || s.warned[by.from] || !signed.Ahead(by.held().Statement) || !s.mayCheck(by) || !signed.Verify() {
		return
	}
	s.warned[by.from] = true
	s.Logger.Error().Bool("alarm", true).Str("agent", by.from).Msg("ALARM: this validator may be signed for by another " +
		"cluster, or was lately, and this one does not know what that signed: " + signed.String() + ". Unless that is " +
		"known to be false stop all cosigners at once, and see docs/recovery.md, \"Refused by a witness\"")
}

// Own returns the newest signed statement, nil before the gate has been open and once the state is
// found to be lost: then others hold what this cosigner remembered.
func (s *Stand) Own() *cosignerv1.SignedStatement {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state(s.Now())
}

func (s *Stand) state(now time.Time) *cosignerv1.SignedStatement {
	if !s.opened || s.lost != "" {
		return nil
	}
	if s.own != nil && now.Sub(s.statedAt) < s.Every {
		return s.own
	}
	held := s.Held()
	if !held.Started || s.own != nil && held.Statement == s.stated.Statement {
		return s.own
	}
	signed := witness.Sign(s.Key, held.Statement)
	s.own, s.stated, s.statedAt, s.shown = wire.Statement(signed), signed, now, nil
	_ = s.told.Keep(signed) || s.told.Begin(signed)
	return s.own
}

// Shown returns the own statement, which comes first, empty if there is none now, and the newest
// ones of each cosigner. It must not be changed.
func (s *Stand) Shown() []*cosignerv1.SignedStatement {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := witness.Signed{}
	if s.state(s.Now()) != nil {
		own = s.stated
	}
	if s.shown == nil {
		s.shown = wire.Statements(s.told.Shown(own))
	}
	return s.shown
}
