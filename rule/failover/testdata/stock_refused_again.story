# A stock pair. Whatever the main asks for is refused. It is restarted twice in the era, with three restart times between,
# and no more.
given a stock pair
74.4s main is refused
