# Two hostile cosigners of five name each other in their answers, more often than there are pings. The other three are heard in
# the end.
given 5 cosigners
1.1s c1 answers for c4
1.2s c4 answers for c5
1.3s c1 says c1 5
1.4s c5 answers for c4
1.5s c2 says c1 5
1.6s c4 answers for c5
1.6s => c5 c1 c2 c3 c4
1.7s c3 says c1 5
1.7s => c1 c2 c3 c4 c5
1.8s c1 answers for c4        # from then on it is in vain
1.8s => c1 c2 c3 c4 c5
