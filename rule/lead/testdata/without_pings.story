# Without pings two late answers in a row turn the agent away.
1s c1 answers for c2
1.25s c2 is late since 1s
1.3s => c2 c3 c1
1.55s c2 is late since 1.3s
1.6s => c3 c1 c2
1.6s c3 answers for c3
1.7s => c3 c1 c2
