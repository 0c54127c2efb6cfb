# Two of four could be two that are cut off.
given 4 cosigners
1s all say c3 5
2s c1 says c1 6
2s c2 says c1 6
2s => c3 c4 c1 c2
2s c4 says c1 6
2s => c1 c2 c3 c4
