# Nobody leads: each that answers pings is asked once, for a quick no.
1s all say nobody 5
1s => c1 c2 c3
1.1s c1 is gone
1.1s c2 is gone
1.1s c3 is gone
1.1s => c1 c2 c3
