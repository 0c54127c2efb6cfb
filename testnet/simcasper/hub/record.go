package hub

import (
	"time"

	"casper-cosigner/report"
	"casper-cosigner/rule/casper"
	"casper-cosigner/testnet/zug"
)

// Report is what the validators that are not ours have seen. Times are Unix milliseconds,
// 0 for never.
type Report struct {
	Now     int64    `json:"now"`
	Version string   `json:"version"` // of the protocol in force
	Down    bool     `json:"down"`    // for an upgrade
	Era     uint64   `json:"era"`     // of the open round
	Round   uint32   `json:"round"`
	Height  uint64   `json:"height"`
	Rounds  []Round  `json:"rounds"` // that have ended, in their order
	Blocks  []Block  `json:"blocks"`
	Faults  []string `json:"faults"` // contradictions of our validator
}

// Round is one that has ended. It ends when it is finalized, which for one that was skipped is when
// the next block is.
type Round struct {
	Era     uint64 `json:"era"`
	Round   uint32 `json:"round"`
	Ours    bool   `json:"ours"`    // our validator led it
	Skipped bool   `json:"skipped"` // no block came of it
	Began   int64  `json:"began"`
	Ended   int64  `json:"ended"`
	Vote    int64  `json:"vote"` // when our vote came
}

// Seen is what the others saw of the round. Something of ours was struck at that time, or nothing
// was at the zero time. Of a round of which they learned only when it was over, nobody knows when
// it began, so that excuses nothing.
func (r Round) Seen(block time.Duration, struck time.Time) report.Round {
	at := struck.UnixMilli()
	return report.Round{Era: r.Era, ID: r.Round, Led: report.Seen(r.Ours), Block: report.Seen(!r.Skipped),
		Vote:   report.Seen(inTime(r.Vote, report.VoteDue(time.UnixMilli(r.Ended), block))),
		Struck: r.Began != 0 && r.Began <= at && r.Ended >= at}
}

// inTime reports whether what came then, 0 for never, was there when it was due.
func inTime(came int64, due time.Time) bool { return came != 0 && came <= due.UnixMilli() }

// Block is a block of the chain.
type Block struct {
	Height   uint64 `json:"height"`
	Added    int64  `json:"added"`
	Finality int64  `json:"finality"` // when our finality signature came
}

// Seen is what the others saw of our finality signature. One that has not come counts as not in
// time: who asks before it is due says so.
func (b Block) Seen(block time.Duration) report.Height {
	return report.Height{Height: b.Height,
		Signed: report.Seen(inTime(b.Finality, report.FinalityDue(time.UnixMilli(b.Added), block)))}
}

// record is what goes into a Report.
type record struct {
	ours   uint32 // index of our validator
	heard  map[casper.Message]int64
	votes  map[[2]uint64]int64 // by era and round
	finals map[uint64]int64    // by height
	rounds []Round
	blocks []Block
	faults []string
}

func newRecord(ours uint32) *record {
	return &record{ours: ours, heard: map[casper.Message]int64{}, votes: map[[2]uint64]int64{}, finals: map[uint64]int64{}}
}

// hear notes our validator's messages in what a foreign validator receives, and returns
// those that are new.
func (r *record) hear(m zug.Message, now time.Time) (fresh []zug.Signed) {
	var all []zug.Signed
	switch m := m.(type) {
	case zug.Signed:
		all = []zug.Signed{m}
	case zug.Proposed:
		all = []zug.Signed{m.Echo}
	case zug.SyncResponse:
		all = m.Signed
	}
	for _, s := range all {
		if s.Validator != r.ours || s.Message == nil || r.heard[s.Message] != 0 {
			continue
		}
		at := now.UnixMilli()
		r.heard[s.Message] = at
		fresh = append(fresh, s)
		switch m := s.Message.(type) {
		case casper.Vote:
			first(r.votes, [2]uint64{m.Era, uint64(m.ID)}, at)
		case casper.Finality:
			first(r.finals, m.Height, at)
		}
	}
	return fresh
}

func first[K comparable](times map[K]int64, key K, at int64) {
	if times[key] == 0 {
		times[key] = at
	}
}

// note takes in what one foreign node, always the same, gave out.
func (r *record) note(out zug.Output, now time.Time) {
	for _, e := range out.Ended {
		round := Round{Era: e.Era, Round: e.Round, Ours: e.Leader == r.ours, Skipped: e.Skipped, Ended: now.UnixMilli()}
		if !e.Began.IsZero() {
			round.Began = e.Began.UnixMilli()
		}
		r.rounds = append(r.rounds, round)
	}
	for _, b := range out.Blocks {
		r.blocks = append(r.blocks, Block{Height: b.Height, Added: now.UnixMilli()})
	}
}

// report fills in what is recorded.
func (r *record) report(into *Report) {
	into.Rounds, into.Blocks, into.Faults = []Round{}, []Block{}, append([]string{}, r.faults...)
	for _, round := range r.rounds {
		round.Vote = r.votes[[2]uint64{round.Era, uint64(round.Round)}]
		into.Rounds = append(into.Rounds, round)
	}
	for _, b := range r.blocks {
		b.Finality = r.finals[b.Height]
		into.Blocks = append(into.Blocks, b)
	}
}
