# Three sites 80 ms apart, and the leader is at another one than the active node: the lead moves there, once.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
0s    c1 and standby are 1ms apart
59s   => no other cosigner has been much nearer
62s   => takes about 240ms, and 161ms if c2 leads
64s   => c1 to c2
1h    => no other cosigner has been much nearer
