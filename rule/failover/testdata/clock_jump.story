# The leader's wall clock jumps an hour ahead, and later two back. It dates the log, and delays no change.
5s clock jumps an hour ahead
12.5s main dies
22s => activate standby: silent
25s main returns
30s clock jumps an hour back
31s clock jumps an hour back
32s => return, main at 5m26.2s
40s standby dies
50s => activate main: silent
55s cosigners start again
60s => no_quorum
66s => well
