# A change of roles begins to be pending when the others are being told already.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
62s   => the others are told before it is
62s   roles are unsettled
70s   => the roles are not settled
70s   roles are settled
5m    => but the lead was handed over
11m2s => the others are told before it is
11m4s => c1 to c2
