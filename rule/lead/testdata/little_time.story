# Requests that had little time left when the leader was asked say nothing about it.
1s all say c1 5
1.05s c1 is late since 1s
1.15s c1 is late since 1.1s
1.15s => no doubt
1.15s => c1 c2 c3
