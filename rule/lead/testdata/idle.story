# The leader is down and no request comes. Its first lost ping makes pings brisk for a while; the next ones do not.
1s all say c1 5
1.5s c2 loses a ping
1.5s => no doubt              # it does not lead
2s c1 loses a ping
2.1s => doubt
3s c1 loses a ping
4s c1 loses a ping
4.1s => no doubt
