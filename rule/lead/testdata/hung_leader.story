# The leader hangs. It costs one request: it answers no ping after that, and others do. Its followers name it still; whoever
# of them is asked tries in vain, too, or knows better. The agent follows once a new one is elected.
1s all say c1 5
1.35s c1 is late since 1.1s
1.352s c2 says c1 5
1.353s c3 says c1 5
1.41s => c2 c3                 # c1 is not asked at all: a quick no is better than a late one
1.41s => leave c1
1.45s c2 says nobody 6
1.45s => c2 c3
1.6s c2 says c3 6
1.6s => doubt
1.61s c3 says c3 6
1.61s => c3 c2
1.61s => no doubt
3s c1 says c3 6               # it goes on
3s => c3 c1 c2
