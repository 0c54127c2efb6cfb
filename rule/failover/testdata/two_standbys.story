# Two standbys: the first that is ready takes over, in the order of the cluster file, and keeps the role until it fails or
# main is back.
given main, standby and spare
12.5s main dies
12.5s standby dies
22s => activate spare: silent
60s standby returns
62s => standby: ready
5m => well
5m spare dies
5m10s => activate standby: silent
6m main returns
11m1.2s => activate main: return
