# The main's agent dies beside a living node. The node cannot ask without it, so it is as good as dead; but it is ready
# again as soon as the agent is, and takes the role back after 5m of that.
12.5s main loses its agent
22s => activate standby: silent
60s main returns
62s => return, main at 6m1.2s
6m1.2s => activate main: return
7m => well
