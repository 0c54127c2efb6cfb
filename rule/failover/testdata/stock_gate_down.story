# A stock pair. The main's gate dies. Its node signs blocks, and could vote only through the gate, so the standby has the
# role and is restarted.
given a stock pair
82.5s main loses its gate
91.5s => main: gate_down
91.6s => activate standby: gate_down
100.2s => restart standby: worth
104s => well
120s => rearm: votes
120s => main: gate_down
