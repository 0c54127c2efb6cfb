# The main dies while the standby catches up. Its /status has said Validate for long; its requests are for old rounds.
0s standby dies
5s standby returns 30 rounds behind
20s main dies
29s => silent
30s => nobody_ready
30.5s => standby: catching_up
45s => nobody_ready
45s standby catches up
46.2s => activate standby: silent
50s => well
