# Who decided knows best: what pings said before is out of date, what they say afterwards counts.
1s all say c1 5
1.2s c1 answers for c3
1.2s => c3 c1 c2
1.3s c2 says c1 5             # two of the words are from before
1.3s => c3 c1 c2
2s c1 says c3 6
2s c3 says c3 6
2s => c3 c1 c2
