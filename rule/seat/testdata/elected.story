# The lead comes back a minute after an election took it away; but not a second time within ten minutes.
0s     c1, c2, c3, main, standby are 80ms apart
0s     c2 and main are 1ms apart
0s     c2 leads
10m    => no other cosigner has been much nearer
10m    c3 leads                       # c2 hung for a moment
11m2s  => the others are told before it is
11m3s  => c3 to c2
12m    c1 leads
15m    => but the lead was handed over
21m3s  => c1 to c2
