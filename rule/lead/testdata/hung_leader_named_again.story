# A leader that hangs is named for as long as its followers wait for its next heartbeat. No request goes to it meanwhile.
1s all say c1 5
1.35s c1 is late since 1.1s
1.4s c2 says c1 5
1.4s c3 says c1 5
1.5s => c2 c3
1.75s c2 is late since 1.5s   # it passed the request on to the one that hangs
1.76s c2 says c1 5
1.77s c3 says c1 5
1.8s => c2 c3                 # nobody knows better
2.05s c2 is late since 1.8s
2.05s => c3 c2                # two in a row, and nothing that speaks for it
2.1s c2 says c2 6
2.1s c3 says c2 6
2.1s => c2 c3
