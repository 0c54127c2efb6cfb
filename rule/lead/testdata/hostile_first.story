# A cosigner that claims the highest of all terms stands first in the cluster file.
1s c1 says c1 18446744073709551615
1s c2 says c2 5
1s => c1 c2 c3                # where an agent that knows nothing begins
1s c3 says c2 5
1s => c2 c3 c1
1.5s c1 says c1 18446744073709551615
1.5s => c2 c3 c1
