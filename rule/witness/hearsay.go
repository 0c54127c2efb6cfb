package witness

import "slices"

// What others show of a cosigner has places of its own in a Book, as many as what it shows itself.
// Else one that has run since a copy was put back, and remembers many later starts of the others,
// would make an agent forget the one statement that shows that they were put back: the agent would
// never have asked them, nor have shown it to them. A cosigner that is asked was shown it in that
// very ping.

// FirstHand reports whether the statement, at that place of what from shows, is its own word: the
// first, if it is of itself. Of its earlier processes it has heard from others as anybody may, and
// of so many that they would push out what one of them stated here.
func FirstHand(from string, place int, s Signed) bool { return place == 0 && s.Name == from }

// WantsAs reports whether the statement is one of a member that adds to what is held, be it as
// hearsay or not.
func (b *Book) WantsAs(s Signed, hearsay bool) bool { return b.shelf(s, hearsay).Wants(s) }

// KeepAs keeps as Keep does what is no hearsay. What is pushes nothing out but hearsay: also of a
// process of which there is something, for a machine that was put back with its memory goes on as
// the same one.
func (b *Book) KeepAs(s Signed, hearsay bool) bool { return b.shelf(s, hearsay).Keep(s) }

// Told takes in what another agent shows, and reports whether anything of it is kept. An agent
// states nothing, so all of it is hearsay. may is asked before each signature is verified: what it
// refuses is looked at when it is shown again.
func (b *Book) Told(all []Signed, may func() bool) (kept bool) {
	for _, s := range all {
		if b.WantsAs(s, true) && may() {
			kept = b.KeepAs(s, true) || kept
		}
	}
	return kept
}

// Hearsay reports whether the statement is held only because others showed it.
func (b *Book) Hearsay(s Signed) bool {
	return slices.Contains(b.hearsay.held[source{s.Cluster, s.Key}], s)
}

// shelf returns where the statement belongs.
func (b *Book) shelf(s Signed, hearsay bool) *Book {
	held := b.held[source{s.Cluster, s.Key}]
	if !hearsay || slices.ContainsFunc(held, func(o Signed) bool {
		return o == s || !o.unbound() && clears(o.Pruned, s.Statement)
	}) {
		return b
	}
	return b.hearsay
}

// yield makes room in hearsay for what its own cosigner states now, or clears.
func (b *Book) yield(s Signed) {
	if b == nil {
		return
	}
	from := source{s.Cluster, s.Key}
	b.held[from] = slices.DeleteFunc(b.held[from], func(o Signed) bool {
		return o.sameProcess(s.Statement) && s.covers(o.Statement) || clears(s.Pruned, o.Statement)
	})
}

// newest returns what replaces all else that is held of who says it there.
func (b *Book) newest(from source) (newest Signed, ok bool) {
	for _, held := range [][]Signed{b.held[from], b.hearsay.held[from]} {
		if len(held) > 0 && (!ok || held[0].Replaces(newest.Statement)) {
			newest, ok = held[0], true
		}
	}
	return newest, ok
}
