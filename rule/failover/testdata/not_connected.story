# Main hears its peers, and they do not hear it: none of the blocks that it proposes comes, and those of others do. That is
# the standby's word alone, so an operator decides.
20s standby sees another lead in vain
50s standby sees another lead in vain
90s => well
90s standby sees another lead in vain
100s => not_connected, standby to be confirmed
100s => main: not_connected
5m operator promotes standby
5m10s => by_hand
6m operator promotes main
6m10s => well                 # what was before is forgiven
