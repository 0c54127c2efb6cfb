# A stock pair, both out of an era without a message. The main's host dies just after its agent was told to restart the node,
# and before it can tell that it did. The standby is restarted all the same only once the main should be back.
given a stock pair
74s cosigners lose their quorum
86s cosigners have their quorum again
96.2s => restart main: silent
96.3s main dies
97.2s => restart main: silent
98.2s => restart main: silent
106s => activate standby: silent
107s => rearm: rests
108.2s => restart standby: silent
110s => rearm: rests
