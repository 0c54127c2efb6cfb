# Four validators, fenced mode, a foreign one is dead: when our active dies as well, the network stands still for want of
# our vote. The standby asks for the open round again and again, so it is ready, and must become active.
given mode fenced
given network needs us
12.5s main dies
21s => silent, standby at 22s
22s => activate standby: silent
23.5s => well
60s => well
