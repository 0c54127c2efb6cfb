# The main's agent is restarted, and has forgotten when its node asked last. That is not held against the node.
12.5s main loses its agent
16s main returns
17.5s => well
30s => well
