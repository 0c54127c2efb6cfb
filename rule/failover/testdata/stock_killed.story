# A stock pair. The main is killed and starts again within an era, as its unit makes it: it votes on in that era, although
# the standby is active by then, and nobody is restarted.
given a stock pair
82.5s main loses its node
92.3s => activate standby: node_down
93s main returns
100s => rearm: votes
100s => main: ready
110s => rearm: votes
