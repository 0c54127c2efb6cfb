package witness

import (
	"cmp"
	"slices"

	"casper-cosigner/rule/casper"

	"casper-cosigner/rule/watermark"
)

// Members is whose statements count: the cosigners of one cluster file.
type Members struct {
	Validator casper.PublicKey
	Cluster   ID
	Threshold int
	Keys      map[string]Key // by name
}

// Has reports whether the statement is one of a member in its own cluster, signed by that member.
func (m Members) Has(s Signed) bool {
	key, ok := m.Keys[s.Name]
	return ok && key == s.Key && s.Cluster == m.Cluster && s.Validator == m.Validator
}

// source is who says something where.
type source struct {
	cluster ID
	key     Key
}

// processes is how many processes of one cosigner a Book holds the newest statement of. What an
// earlier one stated shows that the state was put back, when what a later one states does not: then
// its log has grown. Each takes one start whose gate opens.
const processes = 4

// Each is how many statements a Book holds of one cosigner at most: so many that it showed itself
// and that others did, and one while its log never bound anything.
const Each = 2*processes + 1

// Book holds the newest statement of each cosigner, and of the last few processes that it was. Its
// zero value is not usable: NewBook makes one. It is not safe for concurrent use.
type Book struct {
	members Members
	held    map[source][]Signed // one of each process, unless it fell; that which replaces all others first
	said    map[string]uint64   // entry that a member said itself to have applied, when it was asked last
	hearsay *Book               // what only others showed of a member; nil in that one
}

// NewBook returns an empty book of these members.
func NewBook(m Members) *Book {
	return &Book{members: m, held: map[source][]Signed{}, said: map[string]uint64{},
		hearsay: &Book{members: m, held: map[source][]Signed{}}}
}

// Wants reports whether the statement is one of a member that adds to what is held.
func (b *Book) Wants(s Signed) bool { return b.members.Has(s) && !s.unbound() && b.adds(s) }

// Keep keeps the statement of a member if it adds to what is held and is signed by that member, and
// reports whether it did. So strangers and other clusters make the book no larger.
func (b *Book) Keep(s Signed) bool {
	if !b.Wants(s) || !b.put(s) {
		return false
	}
	b.hearsay.yield(s)
	return true
}

// Begin keeps what a member itself says while its log never bound anything, in the place of what it
// said so before, on whatever directory, and of what that log refuses for ever. It is false for
// anything else. Nobody tells it on, or an earlier one of a cluster that was founded too high could
// come back and hide what the next one states.
func (b *Book) Begin(s Signed) bool {
	from := source{s.Cluster, s.Key}
	held := slices.Concat(b.held[from], b.hearsay.held[from])
	return b.members.Has(s) && s.unbound() && !slices.ContainsFunc(held, func(o Signed) bool {
		return o == s || !o.unbound() && !clears(s.Pruned, o.Statement)
	}) && b.put(s)
}

// Recall puts back what was kept once, of whatever cluster, under the key that it came with, and as
// hearsay or not. It is false for what that key did not sign.
func (b *Book) Recall(s Signed, hearsay bool) bool {
	if hearsay {
		b = b.hearsay
	}
	return s.Verify() && (!b.adds(s) || b.put(s))
}

func (b *Book) adds(s Signed) bool {
	held := b.held[source{s.Cluster, s.Key}]
	for _, o := range held {
		if o.unbound() && !s.unbound() {
			return true
		}
		if o.sameProcess(s.Statement) && o.covers(s.Statement) || clears(o.Pruned, s.Statement) {
			return s.Replaces(o.Statement)
		}
	}
	return slices.Contains(with(held, s), s)
}

// put is the one place where a statement comes in.
func (b *Book) put(s Signed) bool {
	if !s.Verify() {
		return false
	}
	from := source{s.Cluster, s.Key}
	b.held[from] = with(b.held[from], s)
	return true
}

// with returns what is held then. None that is held is above another one's log, so
// Replaces puts them into one order. What was bound before goes only once something is bound above
// it: until then nothing else would speak against a copy of before. That holds for what the same
// process stated, too: a leader can empty a log by a snapshot, and a ledger by its marks. Nor does
// what a process stated go while it had more of anything then: it was put back with its memory.
func with(held []Signed, s Signed) []Signed {
	held = slices.DeleteFunc(slices.Clone(held), func(o Signed) bool {
		follows := o.sameProcess(s.Statement) && s.covers(o.Statement)
		return o.unbound() || !s.unbound() && (follows || clears(s.Pruned, o.Statement))
	})
	at := slices.IndexFunc(held, func(o Signed) bool { return s.Replaces(o.Statement) })
	if at < 0 {
		at = len(held)
	}
	held = slices.Insert(held, at, s)
	if len(held) > processes && !s.unbound() { // that takes nobody's place
		held = slices.Delete(held, surplus(held), surplus(held)+1)
	}
	return held
}

// surplus returns which goes, of one more than there are places for: the last that has the most of
// nothing, since in each part another one has as much or more. A log grows by each start, but with
// nothing signed it has no more records, rounds or heights: so what was put back and only started
// cannot push out what tells of more. The first stays. There is another one that may go: the first
// has the longest log, and of each part that is left one at most has more than all others.
func surplus(held []Signed) int {
	for i := len(held) - 1; i > 0; i-- {
		most := slices.ContainsFunc(parts(), func(order func(x, y Statement) int) bool {
			return !slices.ContainsFunc(held, func(o Signed) bool {
				return o != held[i] && order(o.Statement, held[i].Statement) >= 0
			})
		})
		if !most {
			return i
		}
	}
	return len(held) - 1
}

// Current returns what the members stated in this cluster, in the order of their names.
func (b *Book) Current() []Signed { return b.sorted(b.members.Has) }

// Shown returns Current with what the member whose book it is states now in front, which the others
// need not be behind. One that states nothing, as it waits or is lost, has the zero Signed there:
// else what it heard of itself came first, and would be taken for its own word.
func (b *Book) Shown(own Signed) []Signed {
	others := slices.DeleteFunc(b.Current(), func(s Signed) bool { return s == own })
	if len(others) == 0 && own == (Signed{}) {
		return nil
	}
	return append([]Signed{own}, others...)
}

// Answered takes in what a member that was asked answers, and reports whether anything of it is
// kept. What comes first is what it says of itself now, the rest is hearsay.
func (b *Book) Answered(from string, all []Signed) (kept bool) {
	for i, s := range all {
		own := FirstHand(from, i, s)
		if own {
			b.says(from, s)
		}
		kept = b.KeepAs(s, !own) || own && b.Begin(s) || kept
	}
	return kept
}

func (b *Book) says(from string, s Signed) {
	if b.members.Has(s) && s.Name == from {
		b.said[from] = s.Applied
	}
}

// Began reports whether as many members as the threshold says stated in this cluster that their log
// bound something at or above its first mark: one of them is honest, so the cluster was founded as
// it should be. What was bound below is of an earlier founding.
func (b *Book) Began(first watermark.Mark) bool {
	names := map[string]bool{}
	for _, s := range b.Current() {
		if !s.unbound() && !clears(first, s.Statement) {
			names[s.Name] = true
		}
	}
	return len(names) >= b.members.Threshold
}

// All returns all that is held of this validator, in a fixed order, the present cluster's first.
func (b *Book) All() []Signed {
	return append(b.Current(), b.sorted(func(s Signed) bool {
		return !b.members.Has(s) && s.Validator == b.members.Validator
	})...)
}

// Held returns all that is held, of whatever validator.
func (b *Book) Held() []Signed { return b.sorted(func(Signed) bool { return true }) }

func (b *Book) sorted(pick func(Signed) bool) (picked []Signed) {
	for _, shelf := range []*Book{b, b.hearsay} {
		for _, held := range shelf.held {
			for _, s := range held {
				if pick(s) {
					picked = append(picked, s)
				}
			}
		}
	}
	slices.SortFunc(picked, func(x, y Signed) int {
		return cmp.Or(slices.Compare(x.Cluster[:], y.Cluster[:]), cmp.Compare(x.Name, y.Name),
			slices.Compare(x.Key[:], y.Key[:]), cmp.Compare(y.Applied, x.Applied), cmp.Compare(y.Boot, x.Boot),
			slices.Compare(x.Session[:], y.Session[:]))
	})
	return picked
}

// Position returns the highest index of the log that at least a threshold of the cosigners have
// applied; false while fewer have stated any. What one said itself counts before what is held of
// it: after the cluster was founded anew above all that was signed, what is held may be of a longer
// log, and others go on telling it.
func (b *Book) Position() (index uint64, ok bool) {
	var applied []uint64
	for name, key := range b.members.Keys {
		if said, ok := b.said[name]; ok {
			applied = append(applied, said)
		} else if newest, ok := b.newest(source{b.members.Cluster, key}); ok && b.members.Has(newest) {
			applied = append(applied, newest.Applied)
		}
	}
	return highest(applied, b.members.Threshold)
}

// Resets returns how many resets of the heights each member has made that stated anything in this
// cluster, by the newest that is held of it.
func (b *Book) Resets() map[string]uint64 {
	made := map[string]uint64{}
	for name, key := range b.members.Keys {
		if newest, ok := b.newest(source{b.members.Cluster, key}); ok && b.members.Has(newest) {
			made[name] = newest.Resets
		}
	}
	return made
}

// highest returns the n-th highest, false if there are fewer.
func highest(all []uint64, n int) (uint64, bool) {
	if n < 1 || len(all) < n {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)-n], true
}
