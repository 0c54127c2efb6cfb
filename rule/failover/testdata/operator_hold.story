# An operator stops automatic changes for two minutes, and later until they are resumed.
5s operator holds for 2m
12.5s main dies
30s => held
2m5.2s => activate standby: silent
2m30s operator holds
3m main returns
20m => held
20m operator resumes
20m5s => return, main at 20m10s
20m10s => activate main: return
