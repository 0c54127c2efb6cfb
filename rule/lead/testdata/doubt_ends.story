# Pings are brisk for two seconds after the last failure, or until it is known who leads.
1s all say c1 5
1s => no doubt
2s c1 is gone
3.9s => doubt
4s => no doubt
5s c2 is gone
5s => doubt
5.1s c3 answers for c1
5.1s => no doubt
