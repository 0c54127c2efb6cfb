# The main is cut off from its peers. It answers /status and pings, and asks for no round that others ask for.
12.5s main loses its peers
26s => well
28.5s => behind, standby at 29.2s
29.2s => activate standby: behind
60s main returns
61.5s => return, main at 6m1.2s
