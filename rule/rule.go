// Package rule holds no code: it is the wing of the house in which everything is decided, and
// nothing is done.
//
// What is below it is pure. The same input gives the same output; there is no network, file, clock,
// goroutine, randomness or log, and time comes as an argument. So every decision can be tested,
// searched and replayed without a process, and the worlds of testnet play these packages
// themselves. TestPurity looks at each file.
package rule
