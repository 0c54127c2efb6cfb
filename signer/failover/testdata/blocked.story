# The main alone is left unanswered. Whatever is wrong is wrong between it and the cosigners, and the operator is told.
12.5s main is left unanswered
14s => blocked
5m => blocked
5m main is answered
5m9s => well
