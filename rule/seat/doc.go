// Package seat is which cosigner is best to lead the log: the one from which a signature for the
// active node takes the least time.
//
// Each signature is a request to the leader, a claim that a majority must have, and a round of
// shares. How long those take between sites follows from round trips alone: the active node's agent
// measures them to every cosigner, and the cosigners to each other. Where another cosigner would
// save more than a third of what a signature then takes, and has done so for Steady, the one that
// leads hands over to it.
//
// It promises that cosigners which keep to it hand over for nearness at most once in Rest, whoever
// of them leads, as long as one that leads has heard of the last time: who decides to hand over
// tells the others first, and does so a while later. Nothing moves unless the roles have been
// settled for all of Steady, nor to a cosigner that does not want to lead, was just started, lags,
// or gave wrong shares. One cosigner that lies and does not lead can keep the lead where it is, and
// cannot move it: between two others the longer of their two measurements counts, and from the
// leader its own. The active node's agent can move it, once in Rest.
//
// It leaves to others: to measure (peer, agent), to carry words (monitor, rule/wire), when roles
// are settled (rule/failover), and to hand over (raftstore). Safety never rests on it, nor does it
// take part in elections: whom those make leader leads.
package seat
