# The active shuts down one era before a staged upgrade: that is the upgrade, though it was not seen to say so.
12.5s main stages an upgrade for the next era
20s main shuts down
21.5s => upgrade
60s => upgrade
80s => upgrade
