# The leader is late once, and then its successor. Each is judged by its own.
1s all say c1 5
1.25s c1 is late since 1s
1.3s all say c2 6
1.6s c2 is late since 1.35s
1.6s => c2 c3 c1
1.9s c2 is late since 1.65s   # and again, without a word from anybody
1.9s => c3 c1 c2
