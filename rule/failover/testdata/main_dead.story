# The main's host dies. Its last ping came at 12s, and 10s later, to the tenth, the standby is active.
12.5s main dies
16s => well
17.5s => silent, standby at 22s
22s => activate standby: silent
22s => main: silent
30s => well
10m => well
