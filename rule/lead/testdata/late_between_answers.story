# Two late answers with one in time between them are not two in a row.
1s c1 answers for c1
1.3s c1 is late since 1.05s
1.4s c1 answers for c1
1.7s c1 is late since 1.45s
1.7s => c1 c2 c3
