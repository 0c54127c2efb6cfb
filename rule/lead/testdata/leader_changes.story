# The leader hands over. The agent follows as soon as more than half of the cosigners name the new one, of the same term.
0s => c1 c2 c3                # nothing is known
1s all say c2 5
1s => c2 c3 c1
2s c1 says c3 6
2s => c2 c3 c1                # one word is none
2.1s c2 says c3 7
2.1s => c2 c3 c1              # nor are two of different terms
2.2s c2 says c3 6
2.2s => c3 c1 c2
