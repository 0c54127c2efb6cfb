# Leadership of the cosigners changes faster than failover_after. While it does, no node is to blame.
12.5s main dies
15s leader changes
24s leader changes
33s leader changes
42s => no_quorum
43.2s => activate standby: silent
