# A stock pair, hot until two messages contradict each other: both vote. When the main dies the standby goes on, and
# nothing is restarted.
given a stock pair, hot
30s => standby: ready
82.5s main dies
92s => activate standby: silent
94s => well
94s => rearm: votes
