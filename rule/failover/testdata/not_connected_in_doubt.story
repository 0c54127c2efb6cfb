# blocks do not come, and it is not known to be main's fault
20s standby sees another lead in vain
30s standby sees another lead in vain
40s standby sees a block of another # two are not three
50s standby sees another lead in vain
60s standby sees another lead in vain
80s network stalls
85s standby sees another lead in vain # it ended so for all
110s network goes on
150s => well
150s main dies
160s => activate standby: silent
