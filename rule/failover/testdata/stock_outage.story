# A stock pair. The cosigners have no quorum for five seconds when an era begins. The standby's gate gives up at once, the
# main's waits: it votes, and nothing is to be done.
given a stock pair
74s cosigners lose their quorum
75s => standby: out
79s cosigners have their quorum again
90s => well
90s => main: ready
90s => rearm: votes
