# The nearest is down, just started, unfit by its own word, distrusted, or lags: it does not get the lead.
0s    c1, c2, c3, main, standby are 80ms apart
0s    c2 and main are 1ms apart
0s    c2 stops
5m    => no other cosigner has been much nearer
5m    c2 starts
6m    => no other cosigner has been much nearer
6m    c2 is unfit
20m   => no other cosigner has been much nearer
20m   c2 is distrusted
20m   c2 is fit
40m   => no other cosigner has been much nearer
40m   c2 lags
40m   c2 is trusted
50m   => no other cosigner has been much nearer
50m   c2 keeps up
51m3s => c1 to c2
