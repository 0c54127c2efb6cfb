# Both are left unanswered, and the main hangs meanwhile. That explains for two round lengths why it does not ask.
12.5s main is left unanswered
12.5s standby is left unanswered
13s main hangs
25s => blocked
27.2s => blocked
28s standby is answered
29.2s => activate standby: node_down
