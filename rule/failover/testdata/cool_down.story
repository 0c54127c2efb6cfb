# The standby dies right after it took over, and the main is back already: a change of roles still waits for
# failover_after since the last one.
12.5s main dies
20s standby loses its agent
22s => activate standby: silent
22.5s main returns
31s => silent, main at 32s
32s => activate main: silent
