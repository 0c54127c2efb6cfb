# The nearest is started anew so fast that nobody misses it: its minute begins again.
0s     c1, c2, c3, main, standby are 80ms apart
0s     c2 and main are 1ms apart
50s    c2 restarts
1m49s  => no other cosigner has been much nearer
1m50s  => the others are told before it is
1m52s  => c1 to c2
