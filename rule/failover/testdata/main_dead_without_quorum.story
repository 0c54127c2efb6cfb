# The main dies, and then the cosigners lose their quorum. The time until they have had it again for failover_after does
# not count.
12.5s main dies
15s cosigners lose their quorum
40s => no_quorum
40s cosigners have their quorum again
50.2s => activate standby: silent
