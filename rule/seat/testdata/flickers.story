# The way is longer for half a minute at a time: that is no reason.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c1, c2, main are 1ms apart
10s   c1 and main are 80ms apart
40s   c1 and main are 1ms apart
70s   c1 and main are 80ms apart
100s  c1 and main are 1ms apart
130s  c1 and main are 80ms apart
160s  c1 and main are 1ms apart
1h    => nothing
