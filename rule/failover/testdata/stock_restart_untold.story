# A stock pair, both out of an era without a message. The main's host dies just after a restart of it was ordered, and before
# its agent can tell whether it obeyed. The standby is restarted all the same only once the main should be back.
given a stock pair
74s cosigners lose their quorum
86s cosigners have their quorum again
96.2s => restart main: silent
96.3s main dies
106s => activate standby: silent
106.1s => rearm: waits
106.2s => restart standby: silent
108s => rearm: rests
