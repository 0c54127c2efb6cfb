# Failback is manual: the main stays standby until an operator makes it active.
given failback manual
12.5s main dies
22s => activate standby: silent
60s main returns
62s => failback_manual
20m => failback_manual
20m operator promotes main
20m2s => well
