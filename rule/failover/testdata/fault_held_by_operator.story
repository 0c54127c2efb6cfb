# An operator's hold outlasts a node's word, and outlasts the era.
5s operator holds
12.5s standby reports a fault
14s => held
5m => held
5m operator resumes
5m2s => well
