# A stock pair. The main's own message is refused in the middle of an era, for a value that contradicts the log's: both are
# out, and both sign blocks. The main is restarted once no round was bound for some time, since the era lasts long enough.
given a stock pair
82.5s main is refused
84s => main: out
84s => rearm: votes
100.2s => restart main: worth
112.5s => rearm: votes
115s => well
