# Requests that were under way together are late one after the other: that is one sign, not many.
1s all say c1 5
1.25s c1 is late since 1s
1.26s c1 is late since 1.01s
1.4s c1 is late since 1.15s
1.4s => c1 c2 c3
