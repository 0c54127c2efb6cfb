# The standby goes through an upgrade of its own, twice, and does not say for which era. Each is one.
20s standby says Upgrading
21.5s => upgrade
60s standby returns
61.5s => well
20m standby says Upgrading
20m1.5s => upgrade
