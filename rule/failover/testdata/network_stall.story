# The whole network stands still, and nobody asks for anything. The main still answers, so it stays.
12.5s network stalls
27s => well
28.5s => stall
60s => stall
60s => standby: no_requests
5m network goes on
5m10s => well
