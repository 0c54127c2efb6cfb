# A fault is looked into while roles are held for its era: it is proof, and they are held for good.
12.5s standby reports a fault
13.2s => hold: fault_unread
20s standby shows what is too old to tell
30s => held
35.5s standby proves it
36.2s => hold: fault
5m => held
5m operator resumes
5m5s => well
