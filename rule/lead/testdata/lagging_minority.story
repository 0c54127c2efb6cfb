# Cosigners that are cut off from the others name the leader of before, in the term of before. More than half know better.
given 5 cosigners
1s all say c1 5
2s c3 says c3 6
2s c4 says c3 6
2s => c1 c2 c3 c4 c5
2s c5 says c3 6
2s => c3 c4 c5 c1 c2
3s c1 says c1 5
3s c2 says c1 5
3s => c3 c4 c5 c1 c2
