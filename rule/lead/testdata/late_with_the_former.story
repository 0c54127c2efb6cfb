# A request was under way to the leader of before when its successor was named. That it is late says nothing of the successor.
1s all say c1 5
1.1s all say c2 6
1.25s c1 is late since 1s
1.5s c2 is late since 1.26s
1.5s => c2 c3 c1
