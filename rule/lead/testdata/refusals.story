# A refusal is final from the leader that more than half of the cosigners name, whatever any of them says of itself.
0s => not final c1            # nothing is known
1s c1 says c1 9
1s c2 says c2 5
1s => not final c1            # one word is none
1s => not final c2
1.1s c3 says c2 5
1.1s => final c2
1.1s => not final c1
2s c1 answers for c1
2s => final c2
2s => not final c1
3s c3 loses a ping
3s => not final c2            # until it is heard again, others are asked too
3.1s c3 says c2 5
3.1s => final c2
