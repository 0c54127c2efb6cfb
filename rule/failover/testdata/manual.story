# Failover is manual: trouble is told, and nothing is proposed.
given failover manual
12.5s main dies
18s => silent
60s => silent
60s operator promotes standby
62s => well
