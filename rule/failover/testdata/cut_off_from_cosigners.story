# A partition parts the main from the cosigners, and not from the standby.
12.5s main loses the cosigners
19s => cut_off, standby at 22s
22s => activate standby: cut_off
30s => well
