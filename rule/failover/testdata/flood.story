# A hostile standby asks for what is an era ahead. While the main goes on as fast as the chain can, that is only its word,
# even if a round takes longer than failover_after.
5s standby asks an era ahead
30s => well
33.5s network stalls
34s network goes on
42s => behind, standby at 43.3s
44s => well
10m => well
