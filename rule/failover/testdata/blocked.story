# The main alone is left unanswered, and the standby is answered: something is wrong between the main and the cosigners, and
# whatever it is, the standby can sign.
12.5s main is left unanswered
14s => blocked
19s => blocked, standby at 22.6s
22.6s => activate standby: blocked
5m => well
5m => main: blocked
5m main is answered
9m => return, main at 10m1.2s
10m1.2s => activate main: return
