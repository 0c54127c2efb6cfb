# The agent reaches nobody. That says nothing about any of them.
1s all say c2 5
2s c1 loses a ping
2s c2 loses a ping
2s c3 loses a ping
2s => c2 c3 c1
2.3s c2 answers for c2
2.4s c1 says c2 5
2.4s => c2 c1             # c2 answered after its ping was lost, c3 has not
