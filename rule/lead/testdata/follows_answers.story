# Who decided knows best while pings name nobody. Once they do, an answer that says otherwise is a reason to ping anew, no more.
1s => c1 c2 c3
1.2s c1 answers for c3
1.2s => c3 c1 c2
1.3s c2 says c1 5             # one word of three
1.3s => c3 c1 c2
2s c1 says c2 6
2s c3 says c2 6
2s => c2 c3 c1
3s c2 answers for c3
3s => c2 c3 c1
3s => doubt
3.1s c1 says c3 7
3.1s c2 says c3 7
3.1s => c3 c1 c2
3.2s c3 answers for c3
3.2s => no doubt
