# The main comes back and says Validate, but asks for rounds that are long past. It is active again only once it has asked
# for the newest ones for 5m without a break.
12.5s main dies
22s => activate standby: silent
60s main returns 30 rounds behind
2m => well
2m => main: catching_up
7m => well
7m main catches up
7m5s => return, main at 12m1.2s
10m main hangs
10m30s => well
11m main returns
16m1.2s => activate main: return
17m => well
