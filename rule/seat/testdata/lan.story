# Everything is within one room: nothing ever moves, however the ways differ.
0s   c1, c2, c3, main, standby are 300us apart
0s   c1 and main are 4ms apart
1h   => no other cosigner has been much nearer
