# A stock pair. The main returns in an era in which the standby votes. It is passive, so that its first message is refused:
# it is out of each era, and as good as ready. It has the role back after failback_after; the standby votes to the end of
# that era, the main from the next one on, and no restart is needed.
given a stock pair
72.5s main dies
82s => activate standby: silent
82.2s => restart standby: silent
100s main returns
115s => main: out
115s => return, main at 6m41.2s
6m41.2s => activate main: return
6m50s => standby: ready
6m50s => rearm: votes
6m50s => well
7m => well
9m30s => standby: out
9m30s => main: ready
9m30s => well
