# A leader that is far away is late with one request. It answers pings, so the next request begins with it again.
given c1 at 80ms
1s all say c1 5
1.25s c1 is late since 1s
1.25s => doubt
1.25s => c1 c2 c3
1.3s c2 says c1 5
1.3s => c1 c2 c3              # its own answer is still under way
1.31s c3 says c1 5
1.31s => doubt
1.33s c1 says c1 5
1.33s => no doubt
1.5s => c1 c2 c3
1.75s c1 is late since 1.5s   # again; more than half name it, and it lives
1.75s => c1 c2 c3
