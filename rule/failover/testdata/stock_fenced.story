# A stock pair, fenced: the node that is not active is refused at once, also one that voted in this era. So the main has
# the role back by an operator's hand only.
given a stock pair
given mode fenced
72.5s main dies
82s => activate standby: silent
82.2s => restart standby: silent
100s main returns
10m => well
