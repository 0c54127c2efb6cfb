// Package failover is the main/standby rule: which node is active, in which mode, whose claim of a
// free slot is served now, and when another node is to become active.
//
// Safety never rests on it. It decides only whose value a free slot gets and when; what a slot may
// hold is watermark's. It promises that roles change by compare-and-set on an epoch, that a
// preference ends by itself when the preferred node is silent or behind, and that a judgement never
// names a node that is not ready, nor blames one for what the cosigners or the whole network fail
// at. To gather what is judged, and to act on it, is the monitor's.
//
// # A judgement, step by step
//
// Judge.Judge is the whole of it. Each step returns what the next one reads, and writes into
// nothing that it was given:
//
//	memory before, Observation  -> look        what is known now (look.go, memory.go, upgrade.go)
//	look                        -> troubles    what is wrong with each node, once (trouble.go)
//	troubles                    -> conditions  what is said of each node, ready or not (condition.go)
//	troubles, conditions        -> Judgement   what is said of the roles, and what to do (decide.go)
//	conditions, Judgement       -> Rearm       whether a stock node is to be restarted to vote (rearm.go)
//	troubles, conditions        -> memory      after, for the next judgement (memory.go)
//
// # Words
//
//   - A trouble is what may cost the active node its role: since its sign, the last thing that
//     spoke against it, it has to last for Settings.After. Every node's is looked for, though only
//     the active one can lose the role.
//   - A node that is unready could not take the role: its trouble has lasted, or its own requests
//     do not show that it takes part. A node may be unready without a trouble: a standby that
//     catches up is in none.
//   - A Condition is both in one for people: ready or not, and the code and words of what keeps it
//     from being so.
//   - A Judgement is of the roles, not of a node. Its code is that of the first rule of decide that
//     speaks; when the active node is to be replaced that is the code of its trouble.
//   - A code names a rule, for logs, metrics and the log's history. All stand in code.go.
//
// # Stock nodes
//
// A stock node is casper-node as it is published: it signs by itself what its gate let it write
// (gate.go). A message of its own that is refused takes it out of the era: it signs blocks, and
// casts no vote until the era ends or it is started anew. So it is not ready then, but fit for the
// role where nobody is ready, since whoever is active as the next era begins votes in it. Those
// that are not active are passive, unless the settings have all of them vote: Preference.Sidelines.
// How long a gate waits for a grant is Known.Wait.
//
// A Rearm comes after the Judgement and changes no roles. It names the active node alone, at most
// twice an era, and not within three restarts' time of its last one or within one of another
// node's: Gate.May, which the agent that obeys asks as well.
//
// That a node is refused all that it asks (Node.Refused) is no trouble, and keeps none from being
// ready. A standby is refused as a rule; an active node is either wrong itself, which another one
// does not mend by what it is told, or refused by a leader that is compromised, whose word would
// then take its role away and hold others to it when a sound one leads again. Operators are told.
//
// # Where a new condition goes
//
//   - The fact that it rests on: a field of Node (node.go), whoever sees it, and its codec in
//     rule/wire.
//   - Its code, and what it says: code.go.
//   - If an active node loses its role by it: look.trouble, at the place that fits, since the first
//     trouble prevails. All conditions and judgements follow from that, and the return to main as
//     well.
//   - If it only keeps a node from becoming active: look.unready, above the case in which the node
//     asks, for that one ends it. look.explain is for what /status says of a node that asks for
//     nothing, and keeps no other node from the role.
//   - If it is nobody's fault and stops all changes: look.decide, above the active node's trouble.
//   - Of a stock node it also decides whether it is fit, and so worth a restart: stock.go.
//   - A row in rules_test.go or condition_test.go (a code without one fails a test), and a story.
//
// The index of the rules is testdata: each story plays one, and its first line says which.
package failover
