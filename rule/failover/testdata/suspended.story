# An operator suspends the main, and the standby is active at the next judgement. When that is taken back, main must be
# ready for 5m.
5s operator suspends main
5.2s => activate standby: suspended
10m => well
10m => main: suspended
10m operator unsuspends main
15m0.2s => activate main: return
