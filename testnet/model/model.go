// Package model is tests only: every order in which a small cluster can elect leaders, replicate
// claims, restart and give shares for one slot, within bounds on terms and on the log's length.
//
// The rules in it are the product's own: package held says which shares leave, package machine what
// a log amounts to. The log is Raft as hashicorp/raft plays it, and the ledger holds one value for
// a slot. Shares are asked for at any time, also before anything is committed, and every share that
// ever left for a value counts towards its signature: more than any cluster allows.
//
// It looks for two values of the slot that are signed, and for states from which the slot can never
// be finished by a cluster all of which, or enough of which, is up.
//
// One cosigner, the first, may be a thief: it keeps to Raft, and gives its share for anything. Or a
// traitor: it also votes for anybody, says that it stored what it did not, and leads with another
// log for each follower.
package model
