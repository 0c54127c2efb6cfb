# A hostile node tells of a fault in each era, and shows nothing. It is heard once.
12.5s standby reports a fault
13.2s => hold: fault_unread
75.2s => resume: fault_unread
170s standby reports a fault
175s => well
350s standby reports a fault
352s => well
360s main dies
370s => activate standby: silent
