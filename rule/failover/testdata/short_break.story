# The main loses a few pings on its way back to the role. What would not cost it the role does not make it wait anew.
12.5s main dies
22s => activate standby: silent
60s main returns
3m main loses the cosigners
3m5.5s => main: silent
3m7s main returns
3m30s => return, main at 6m1.2s
6m1.2s => activate main: return
