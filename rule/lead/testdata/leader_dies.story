# The leader's process is gone: the request turns at once. Its followers name it for a while; that costs nothing once its pings
# fail.
1s all say c1 5
1.1s c1 is gone
1.1s => c2 c3 c1
1.1s => doubt
1.11s c1 loses a ping
1.12s c2 says c1 5
1.12s c3 says c1 5
1.12s => c2 c3
1.5s c2 says c2 6
1.5s c3 says c2 6
1.5s => c2 c3
