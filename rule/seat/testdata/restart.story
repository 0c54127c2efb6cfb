# Who handed over is started anew and has forgotten it: the others have not.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
64s   => c1 to c2
70s   c1 restarts
80s   c2 stops
80s   c3 leads
85s   c2 starts
5m    => but the lead was handed over
11m2s => the others are told before it is
11m4s => c3 to c2
