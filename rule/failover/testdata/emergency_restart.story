# The network stops, and all operators stop their nodes to start another version at a time that they agree on. There is
# nobody to fail over to, and the main has the role when all are back.
12.5s network stalls
40s main shuts down
40s standby shuts down
46s => node_down
50s => nobody_ready
10m network goes on
10m main returns
10m standby returns
10m2s => stall
10m10s => well
