# A stock pair. The main could not read its unit file at the start of an era: it validates, signs blocks, and casts no vote.
# After five rounds without a message of ours it is restarted.
given a stock pair
70s main cannot read its unit file
90s => rearm: votes
123.2s => restart main: silent
136.5s => rearm: votes
138s => well
