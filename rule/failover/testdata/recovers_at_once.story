# Main is back a moment after it lost the role. That moment is shorter than what would cost it the role, and yet it must be
# ready for failback_after from then on.
400s main hangs
6m49.6s => activate standby: node_down
412s main returns
420s => return, main at 11m53.2s
11m53.2s => activate main: return
