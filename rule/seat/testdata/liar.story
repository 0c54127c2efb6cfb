# A cosigner lies that it is near to everybody, or that another is: nothing moves. The longer measurement counts.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c1 and main are 1ms apart
0s    c3 says that c1 is 0s away
0s    c3 says that c2 is 0s away
30m   => no other cosigner has been much nearer
30m   c3 says that c1 is 10s away
30m   c3 says that c2 is 10s away
1h    => no other cosigner has been much nearer
