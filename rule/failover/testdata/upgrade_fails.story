# The standby is through the upgrade, and the main does not come back from it: ten minutes are enough.
12.5s main stages an upgrade for the next era
12.5s standby stages an upgrade for the next era
70s main says ShutdownForUpgrade
70s standby says ShutdownForUpgrade
75s network stalls
75s main shuts down
75s standby shuts down
2m network goes on
2m standby returns
11m11s => upgrade
11m11.2s => activate standby: node_down
