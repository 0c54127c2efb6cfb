# main hears its peers, and they do not hear it: none of the blocks that it proposes comes, and those of others do
20s standby sees another lead in vain
50s standby sees another lead in vain
90s => well
90s standby sees another lead in vain
91.2s => activate standby: not_connected
100s => return, main at 6m32.2s # it asks as before, so nothing but time tells that it is heard again
6m32.2s => activate main: return
6m40s => well                 # what was before is forgiven
6m41s standby sees another lead in vain
7m standby sees another lead in vain
7m20s standby sees another lead in vain
7m23.2s => activate standby: not_connected
7m30s => return, main at 17m24.2s
