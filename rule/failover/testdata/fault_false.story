# A peer has a node take us for faulty. Whoever looks into it finds nothing, and nothing is held, or not any longer.
12.5s standby reports a fault
12.5s standby disproves it
15s main dies
25s => activate standby: silent
26s main returns
40s main reports a fault
41.2s => hold: fault_unread
45.5s => held
50s main disproves it
50.2s => resume: fault_unread
55s => return, main at 5m27.2s
