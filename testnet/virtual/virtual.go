// Package virtual is tests only: the signer on the real Raft library and real state directories,
// three cosigners in one process, in virtual time (testing/synctest), under faults drawn from a
// seed.
//
// The seed fixes the faults and what is asked for; what they lead to differs from run to run, since
// the Raft library draws its own timeouts and the scheduler its own order. What the clients saw is
// recorded, and judged by package history from the file alone.
//
// Real here: the log and its transport's protocol, the state machine, the ledgers, the signer.
// Between cosigners lie links that are cut, slowed down and broken, and in some runs sites that are
// up to 80 ms apart; their clocks jump by up to an hour, either way; what clients ask and are told
// may be late, lost or doubled. By the seed none of the nodes, one or both are stock: they claim,
// verify what is attested, and sign themselves. Not real: shares. Two cosigners must hold a claim
// in their logs and ledgers, as they would have to, and then one key signs. Real shares in real
// processes are package chaos's, disks that lose what was not synced package world's.
package virtual
