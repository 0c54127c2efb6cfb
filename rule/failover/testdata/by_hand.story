# An operator makes the standby active. It stays so beside a ready main, until it fails itself.
5s operator promotes standby
6s => by_hand
20m => by_hand
20m standby dies
20m10s => activate main: silent
20m20s => well
