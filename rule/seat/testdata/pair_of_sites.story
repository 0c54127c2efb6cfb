# Two cosigners at one site, and the active node beside the third: claim and shares are made at that one site already.
0s    c1, c2, c3, main, standby are 40ms apart
0s    c1 and c2 are 1ms apart
0s    c3 and main are 1ms apart
1h    => no other cosigner has been much nearer
