# Both hosts die within three seconds. The standby's last ping is newer than failover_after when the main's is not any
# more, but it is gone all the same. Whoever comes back is active.
12.5s main dies
15.5s standby dies
19s => standby: silent
22.5s => nobody_ready
60s => nobody_ready
60s standby returns
61.2s => activate standby: silent
70s => well
