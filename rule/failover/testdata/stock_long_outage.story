# A stock pair. The cosigners have no quorum for twelve seconds when an era begins, and both nodes are out of it without
# a message. One of them is restarted as soon as roles may change, the active one, and never the other.
given a stock pair
74s cosigners lose their quorum
86s cosigners have their quorum again
87s => main: out
87s => standby: out
90s => rearm: waits
96.2s => restart main: silent
108.5s => rearm: votes
110s => well
5m => well
