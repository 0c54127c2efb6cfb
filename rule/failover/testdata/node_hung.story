# The main's node hangs: its agent answers pings, but the node makes no progress and does not answer /status.
12.5s main hangs
21.6s => activate standby: node_down
60s main returns
61.5s => return, main at 6m1.2s
