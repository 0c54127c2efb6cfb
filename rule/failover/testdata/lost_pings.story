# The main loses eight pings in a row, and is back in time.
12.5s main loses the cosigners
19s => cut_off, standby at 22s
20.5s main returns
21.5s => well
60s => well
