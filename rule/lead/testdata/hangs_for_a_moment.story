# The leader answers a ping after it was late: it is asked again.
1s all say c1 5
1.35s c1 is late since 1.1s
1.4s c2 says c1 5
1.41s => leave c1
1.45s c1 says c1 5
1.45s => wait for c1
1.45s c3 says c1 5
1.5s => c1 c2 c3
2.35s c1 is late since 2.1s
2.4s c2 says c1 5
2.41s c1 answers for c1
2.42s => c1 c2 c3
