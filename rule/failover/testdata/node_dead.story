# The main's node dies beside a living agent. It last answered /status at 11.6s.
12.5s main loses its node
18s => node_down, standby at 21.6s
21.6s => activate standby: node_down
22s => main: node_down
30s => well
