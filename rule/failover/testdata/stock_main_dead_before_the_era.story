# A stock pair. The main dies just before an era begins, and the standby's first message of it is refused, since it is
# passive. Without any message the validator is evicted: the standby is restarted as soon as it is active.
given a stock pair
72.5s main dies
74.5s => standby: out
82s => activate standby: silent
82.2s => restart standby: silent
94.5s => rearm: votes
96s => well
