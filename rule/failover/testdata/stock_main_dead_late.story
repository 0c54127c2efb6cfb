# A stock pair. The main dies when less than five restart times are left of the era: it is not worth the blocks of a
# restart. The standby is active, so that it votes from the next era on.
given a stock pair
200s main dies
210s => activate standby: silent
220s => rearm: next
244s => rearm: votes
245s => well
