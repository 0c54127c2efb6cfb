# The main dies while the cosigners are being restarted. Nobody was silent before they listened.
12.5s main dies
13s cosigners listen anew
20s => paused
23.2s => activate standby: silent
