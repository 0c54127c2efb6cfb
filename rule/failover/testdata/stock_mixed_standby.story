# A stock standby beside a main that signs remotely. The cosigners have no quorum for twelve seconds when an era begins. The
# main asks again until it is answered; a refusal takes no remote-key node out of an era.
given a stock standby
30s => standby: out
74s cosigners lose their quorum
86s cosigners have their quorum again
90s => rearm: waits
97s => well
97s => rearm: votes
100s main dies
110s => activate standby: silent
120s => rearm: alone
160.2s => restart standby: worth
175s => well
