# One cosigner claims to lead in the highest of all terms, and answers for itself. It is not believed while the others are heard,
# and else until they are.
1s c1 says c1 5
1s c2 says c1 5
1s c3 says c3 18446744073709551615
1s => c1 c2 c3
2s c1 answers for c3          # as a mistaken leader might
2.1s c3 answers for c3
2.2s => c1 c2 c3
3s c2 loses a ping            # what is left are two words that differ
3.1s c3 answers for c3
3.1s => c3 c1
3.2s c2 says c1 5
3.2s => c3 c1 c2              # of c1 there is only what it said before
3.3s c3 answers for c3
3.3s c1 says c1 5
3.3s => c1 c2 c3
