# The agent does not reach the leader, the others do: they pass its requests on. It returns when its pings do.
1s all say c1 5
2s c1 loses a ping
2s => doubt
2s c2 says c1 5
2s c3 says c1 5
2s => c2 c3
2.1s c2 answers for c1
2.1s => c2 c3
5s c1 says c1 5
5s c2 says c1 5
5s => c1 c2 c3
