# Our key signed what no cosigner was asked for. Somebody else may hold it: automatic changes stop until an
# operator resumes them, and the same fault does not stop them again.
12.5s standby reports a fault
12.5s standby proves it
13.2s => hold: fault
14.5s => held
15s main dies
5m => held
5m operator resumes
5m10s => activate standby: silent
5m20s => well
