# A suspended standby takes no role, and what it says of upgrades and newest rounds counts for nothing.
5s operator suspends standby
6s standby says Upgrading
12.5s main dies
23s => nobody_ready
23s => standby: suspended
