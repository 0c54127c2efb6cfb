# A stock pair. The main is refused when less than two restart times are left of the era: both sign blocks, and the
# main votes from the next one on.
given a stock pair
213s main is refused
230s => rearm: next
240s => rearm: votes
240s => well
