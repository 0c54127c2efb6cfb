# A stock main beside a standby that signs remotely. The main is refused: the standby votes on, and nothing is restarted.
# The main has the role for good: from the next era on it votes.
given a stock main
30s => standby: ready
82.5s main is refused
100s => rearm: votes
100s => well
100s => standby: ready
245s => main: ready
245s => well
