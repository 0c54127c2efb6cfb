# The agent does not reach the one that leads: nothing can be compared. Nor can it with a cosigner that measured nothing.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
0s    main does not reach c1
5m    => is not known
5m    main says that c1 is 80ms away
5m    c1 does not reach c2
5m    c3 does not reach c2
20m   => no other cosigner has been much nearer
20m   c1 says that c2 is 80ms away
21m3s => c1 to c2
