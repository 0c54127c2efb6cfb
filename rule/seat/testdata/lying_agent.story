# The active node's agent says what it likes: it can move the lead, once in ten minutes.
0s     c1, c2, c3, main, standby are 80ms apart
0s     main says that c2 is 0s away
64s    => c1 to c2
2m     main says that c2 is 10s away
5m     => but the lead was handed over
11m4s  => c2 to c1
