# A hostile cosigner lives, claims to lead and leaves every request unanswered. Its pings speak for nobody but itself, so two
# requests turn the agent away, also from one that it cannot hear more than half against.
1s c2 says c3 9
1s c3 says c3 9               # it led, and the agent does not reach c1
1.5s c1 loses a ping
1.6s => c3 c2
2s c2 says c1 10
2s c3 says c3 11
2.25s c3 is late since 2s
2.3s c3 says c3 12
2.55s c3 is late since 2.3s
2.6s => c2 c3
