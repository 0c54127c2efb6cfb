# The active node changes: the lead stays while that is pending, and for a minute after.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c1 and main are 1ms apart
0s    c2 and standby are 1ms apart
30s   roles are unsettled             # main is silent
40s   standby becomes active
40s   roles are settled
1m30s => no other cosigner has been much nearer
1m43s => the others are told before it is
1m44s => c1 to c2
2m    main becomes active             # at once back, by hand: the lead waits
4m    => but the lead was handed over
11m42s => the others are told
11m44s => c2 to c1
