# A leader that could not sign gave the lead away: it is not sent back at once, though it is the nearest.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c1 and main are 1ms apart
5m    c1 gives up the lead to c3
15m59s => no other cosigner has been much nearer
16m2s => c3 to c1
