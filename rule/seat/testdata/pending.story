# A change of roles is pending all the time: nothing moves, and the minute begins when it is over.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
0s    roles are unsettled
30m   => the roles are not settled
30m   roles are settled
30m59s => nothing
31m3s => c1 to c2
