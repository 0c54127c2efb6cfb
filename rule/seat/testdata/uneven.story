# Two sites near each other and one far away, which leads: the nearest to the active node is chosen, not just a nearer one.
0s    c1, c2, main, standby are 30ms apart
0s    c1, c3, standby are 80ms apart
0s    c2, c3, main are 80ms apart
0s    c1 and standby are 1ms apart
0s    c2 and main are 1ms apart
0s    c3 leads
64s   => c3 to c2
1h    => nothing
