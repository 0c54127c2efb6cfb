# A stock pair. The main dies in the second round of an era, which has messages of ours then: the standby signs blocks, and
# is active after failover_after. Restarting it costs the blocks of that time, so the main is waited for first.
given a stock pair
30s => well
30s => standby: out
30s => rearm: votes
82.5s main dies
92s => activate standby: silent
92.2s => restart standby: worth
94s => rearm: rests
110s => well
110s => rearm: votes
5m => well
