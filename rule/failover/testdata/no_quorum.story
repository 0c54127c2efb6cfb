# The cosigners lose their quorum for two minutes. Nodes are left unanswered, which freezes their /status: neither is to
# blame, and they get failover_after to recover.
12.5s cosigners lose their quorum
12.5s main is left unanswered
12.5s standby is left unanswered
14s => no_quorum
14s => main: blocked
2m => no_quorum
2m cosigners have their quorum again
2m main is answered
2m standby is answered
2m9s => no_quorum
2m10.5s => well
