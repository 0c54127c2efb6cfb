# The main hangs while it is left unanswered. That explains for two round lengths why it does not ask.
12.5s main is left unanswered
13s main hangs
25s => blocked
27.2s => blocked
28.2s => activate standby: node_down
