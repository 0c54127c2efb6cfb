# Another one is asked only if its answer can be in time; the first is always asked.
given c1 at 300ms
given c2 at 80ms
1s all say c1 5
1s => c1 c2 c3
1s => c1 c3 in 80ms
1s => c1 in 1ms
