# The network changes its version with era 6. All nodes go away for it, and no role changes until the active asks in era 6.
12.5s main stages an upgrade for the next era
12.5s standby stages an upgrade for the next era
70s => well
70s main says ShutdownForUpgrade
70s standby says ShutdownForUpgrade
71.5s => upgrade
75s network stalls
75s main shuts down
75s standby shuts down
6m => upgrade
6m network goes on
6m main returns
6m standby returns
6m1.5s => well
7m main dies
7m10s => activate standby: silent
