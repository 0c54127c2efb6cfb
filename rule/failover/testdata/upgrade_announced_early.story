# A node that is started again while the next version is staged seems to shut down for it. That does not use up the window.
14s main stages an upgrade for the next era
14s standby stages an upgrade for the next era
15s standby shuts down
16.5s => upgrade
18s standby returns
30s network stalls
11m network goes on
11m41s main says ShutdownForUpgrade
11m41s standby says ShutdownForUpgrade
11m43s main shuts down
11m43s standby shuts down
11m45s => upgrade
12m10s standby returns
12m50s => upgrade
12m50s main returns
