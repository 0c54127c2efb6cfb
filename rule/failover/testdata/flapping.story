# The main dies again and again. Each return within an hour doubles the time for which it must be ready.
12.5s main dies
22s => activate standby: silent
60s main returns
6m1.2s => activate main: return
6m10s main dies
6m20s => activate standby: silent
7m main returns
17m1.2s => activate main: return
18m main dies
18m10s => activate standby: silent
19m main returns
20m => return, main at 39m1.2s
39m1.2s => activate main: return
2h main dies
2h10s => activate standby: silent
2h1m main returns
2h2m => return, main at 2h6m1.2s
