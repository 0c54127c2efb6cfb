# A leader that was late answers its next ping a little later than the others do. It is not taken to hang.
1s all say c1 5
1.25s c1 is late since 1s
1.251s c2 says c1 5
1.251s c3 says c1 5
1.27s => wait for c1
1.27s => c1 c2 c3
1.28s c1 says c1 5
1.28s => c1 c2 c3
