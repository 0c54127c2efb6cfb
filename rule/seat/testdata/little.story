# Another cosigner is nearer, and a signature would take less than a third more here: it stays.
0s    c1, c2, c3, main, standby are 80ms apart
0s    main says that c2 is 30ms away
1h    => no other cosigner has been much nearer
