# Failover is to be confirmed: the change is proposed when it would be made, and an operator makes it. What an operator
# chose stays.
given failover confirm
12.5s main dies
18s => silent, standby at 22s
22.5s => silent, standby to be confirmed
60s => silent, standby to be confirmed
61s operator promotes standby
62.5s => well
2m main returns
3m => by_hand
20m => by_hand
