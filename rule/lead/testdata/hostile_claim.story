# One cosigner claims to lead in the highest of all terms, and answers for itself. It is never believed for longer than until
# the others have been heard.
1s c1 says c1 5
1s c2 says c1 5
1s c3 says c3 18446744073709551615
1s => c1 c2 c3
2s c1 answers for c3          # as a mistaken leader might
2.1s c3 answers for c3
2.2s c3 answers for c3
2.2s => c3 c1 c2
3s c1 says c1 5
3.1s c3 answers for c3
3.2s c2 says c1 5
3.2s => c1 c2 c3
