# A stock pair, restarts by hand: it is told, and done by nobody.
given a stock pair
given restarts by hand
82.5s main is refused
110s => rearm: worth
225s => rearm: next
240s => rearm: votes
