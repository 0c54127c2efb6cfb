// Package testimony is how what cosigners state of their memory is given, kept and heard.
//
// On a cosigner a [Stand] signs its own statement, hears what agents and the other cosigners show,
// and shuts the gate while its state holds less than is obeyed. Beside a node a [Keeper] keeps the
// newest statement of each cosigner, in a file, and shows all of them with every ping.
//
// It promises: a statement is verified before it is kept; what strangers show makes neither a file
// nor a table grow; a cosigner signs at most once a ping interval and only when there is something
// new to say; the gate is shut until every agent was heard or the wait is over, and while an obeyed
// statement shows more than the state holds; a state that was found to have lost what its cosigner
// signed is never let in again.
//
// It leaves to others: what follows from statements (rule/witness), how they travel (monitor,
// agent), and everything that the gate guards (cosigner, raftstore).
package testimony
