# A node tells of a fault that nobody can look into: automatic changes stop until its era ends, which is at round 120.
12.5s standby reports a fault
13.2s => hold: fault_unread
15s main dies
70s => held
75.2s => resume: fault_unread # round 120 was asked for
77s => silent, standby at 1m25.2s
85.2s => activate standby: silent
87s => well
