package failover_test

import (
	"time"

	"casper-cosigner/rule/failover"
)

func told(code string) failover.Judgement { return failover.Judgement{Code: code} }

// nobodyRules are those by which no node is to blame.
func nobodyRules() []rule {
	return []rule{
		{"no genesis", func(s *scene) { s.state = failover.State{} }, 0, told(failover.NotStarted), 0},
		{"held", func(s *scene) { s.state.HoldUntil = s.now.UnixMilli() + 1; s.gone("main", 30) }, 0, told(failover.Held), 0},
		{"held for good", func(s *scene) { s.state.HoldUntil = failover.ForGood; s.gone("main", 30) }, 0, told(failover.Held),
			0},
		{"one cosigner of three", func(s *scene) { s.seen.Reporting = 1; s.gone("main", 30) }, 0, told(failover.NoQuorum), 0},
		{"no signatures", func(s *scene) { s.seen.Signing = time.Time{}; s.gone("main", 30) }, 0, told(failover.NoQuorum), 0},
		{"no signatures until lately", func(s *scene) {
			s.seen.Signing = s.ago(9.9)
			s.gone("main", 30)
		}, 0, told(failover.NoQuorum), 0},
		{"not listened for long", func(s *scene) {
			s.seen.Listening = s.ago(9.9)
			s.gone("main", 30)
		}, 0, told(failover.Paused), 0},
		{"never listened", func(s *scene) { s.seen.Listening = time.Time{} }, 0, told(failover.Paused), 0},
		{"main shuts down for an upgrade", func(s *scene) {
			s.gone("main", 30)
			s.node("main", func(n *failover.Node) { n.Status.Reactor = "ShutdownForUpgrade" })
		}, 0, told(failover.Upgrade), 0},
		{"the standby is being upgraded", func(s *scene) {
			s.gone("main", 30)
			s.node("standby", func(n *failover.Node) { n.Status.Reactor = "Upgrading" })
		}, 595 * time.Second, told(failover.Upgrade), 0},
		{"shut down before the next era's upgrade", func(s *scene) {
			s.gone("main", 30)
			s.node("main", func(n *failover.Node) { n.Shutdown, n.Status.UpgradeEra = s.ago(31), 8 })
		}, 0, told(failover.Upgrade), 0},
		{"unanswered, like all others", func(s *scene) {
			s.unanswered("main", "standby", "spare")
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(30), s.ago(30), s.ago(17)
			})
		}, 0, told(failover.Blocked), 0},
		{"unanswered, and so are those that still ask", func(s *scene) {
			s.unanswered("main", "standby")
			s.node("spare", func(n *failover.Node) { n.Rounds.Asked, n.Heights.Asked = s.ago(17.1), s.ago(17.1) })
		}, 0, told(failover.Blocked), 0},
		{"unanswered, and a suspended node is answered", func(s *scene) {
			s.unanswered("main", "standby")
			s.state.Suspended = []string{"spare"}
		}, 0, told(failover.Blocked), 0},
	}
}

// calmRules are the others that leave everything as it is.
func calmRules() []rule {
	return []rule{
		{"well", func(*scene) {}, 0, told(failover.Well), 0},
		{"all that main asks is refused, as a hostile leader may", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Refused = s.ago(999) })
		}, 5 * time.Minute, told(failover.Well), 0},
		{"another is active, main is not ready", func(s *scene) { s.state.Active = "standby"; s.gone("main", 30) }, 0,
			told(failover.Well), 0},
		{"nobody could take over", func(s *scene) { s.gone("main", 30); s.gone("standby", 3.1); s.gone("spare", 30) }, 0,
			told(failover.NobodyReady), 0},
		{"suspended, and nobody could take over", func(s *scene) {
			s.state.Suspended = []string{"main"}
			s.gone("standby", 30)
			s.gone("spare", 30)
		}, 0, told(failover.NobodyReady), 0},
		{"an operator chose", func(s *scene) {
			s.did("activate", failover.Operator, 3*time.Hour)
			s.did("mode", "x", time.Hour)
		},
			time.Hour, told(failover.ByHand), 0},
		{"return is by hand", func(s *scene) {
			s.did("activate", failover.Silent, time.Hour)
			s.settings.Failback = failover.Manual
		},
			time.Hour, told(failover.FailbackManual), 0},
		{"the network stands still", func(s *scene) {
			s.seen.BoundAt = s.ago(18)
			for name := range s.seen.Nodes {
				s.node(name, func(n *failover.Node) { n.Rounds.Advanced, n.Heights.Advanced = s.ago(18), s.ago(17.1) })
			}
		}, 0, told(failover.Stall), 0},
		{"manual, due", func(s *scene) {
			s.settings.Failover = failover.Manual
			s.gone("main", 30)
		}, 0, told(failover.Silent), 0},
		{"manual, coming", func(s *scene) {
			s.settings.Failover = failover.Manual
			s.gone("main", 6)
		}, 0, told(failover.Silent), 0},
		{"coming, and nobody could take over",
			func(s *scene) { s.gone("main", 6); s.gone("standby", 30); s.gone("spare", 30) }, 0, told(failover.Silent), 4},
		{"the only sign is /status", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Asked, n.Heights.Asked = s.ago(60), s.ago(60) })
		}, 0, told(failover.Well), 0},
		{"further by one round is not behind", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(60) })
			s.node("standby", func(n *failover.Node) { n.Place.Round = 41 })
		}, 0, told(failover.Well), 0},
		{"two rounds behind, and moving", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(11.9) })
			s.node("standby", func(n *failover.Node) { n.Place.Round = 42 })
		}, 0, told(failover.Well), 0},
		{"two heights behind, and moving", func(s *scene) {
			s.node("standby", func(n *failover.Node) { n.Place.Height = 1002 })
		}, 0, told(failover.Well), 0},
		{"a suspended node's word", func(s *scene) {
			s.state.Suspended = []string{"standby"}
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(60) })
			s.node("standby", func(n *failover.Node) { n.Place.Round = 50 })
		}, 0, told(failover.Well), 0},
		{"a node that is not in the settings", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(60) })
			s.node("stranger", func(n *failover.Node) { n.Place.Round, n.Status.Reactor, n.Fault = 50, "Upgrading", s.now })
		}, 0, told(failover.Well), 0},
	}
}

func activate(code, node string) failover.Judgement {
	return failover.Judgement{Code: code, Act: failover.Activate, Node: node}
}

func coming(code, node string) failover.Judgement { return failover.Judgement{Code: code, Node: node} }

// failoverRules are for a node of whose agent nothing is heard.
func failoverRules() []rule {
	return []rule{
		{"silent", func(s *scene) { s.gone("main", 10) }, 0, activate(failover.Silent, "standby"), 0},
		{"silent for less", func(s *scene) { s.gone("main", 9.9) }, 0, coming(failover.Silent, "standby"), 0.1},
		{"silent for half of that", func(s *scene) { s.gone("main", 5) }, 0, coming(failover.Silent, "standby"), 5},
		{"silent for less than half of it", func(s *scene) { s.gone("main", 4.6) }, 0, told(failover.Well), 0},
		{"never heard of", func(s *scene) {
			delete(s.seen.Nodes, "main")
			s.seen.Listening = s.ago(11)
		}, 0, activate(failover.Silent, "standby"), 0},
		{"silent, cool-down", func(s *scene) { s.gone("main", 30); s.state.Since = s.ago(4).UnixMilli() },
			0, coming(failover.Silent, "standby"), 6},
		{"silent, last change dated ahead", func(s *scene) { s.gone("main", 30); s.state.Since = s.ago(-3600).UnixMilli() },
			0, coming(failover.Silent, "standby"), 10},
		{"silent, last change dated ahead, and seen long ago",
			func(s *scene) { s.gone("main", 9); s.state.Since = begin.Add(time.Hour).UnixMilli() },
			time.Minute, coming(failover.Silent, "standby"), 1},
		{"silent, hold over", func(s *scene) {
			s.gone("main", 10)
			s.state.HoldUntil = s.now.UnixMilli()
		}, 0, activate(failover.Silent, "standby"), 0},
		{"silent, signatures and ears for long enough", func(s *scene) {
			s.gone("main", 12)
			s.seen.Signing, s.seen.Listening = s.ago(10), s.ago(10)
		}, 0, activate(failover.Silent, "standby"), 0},
		{"silent, the standby is not ready", func(s *scene) {
			s.gone("main", 10)
			s.gone("standby", 3.1)
		}, 0, activate(failover.Silent, "spare"), 0},
		{"silent, and one tells of a round to which no other has come", func(s *scene) {
			s.gone("main", 10)
			s.seen.BoundAt = s.ago(17)
			s.node("spare", func(n *failover.Node) { n.Place.Era, n.Place.Round = 8, 3 })
		}, 0, activate(failover.Silent, "standby"), 0},
		{"silent, and two tell of a round to which the standby has not come", func(s *scene) {
			s.gone("main", 10)
			s.seen.BoundAt = s.ago(30)
			for _, name := range []string{"main", "spare"} {
				s.node(name, func(n *failover.Node) { n.Place.Round = 43 })
			}
		}, 0, activate(failover.Silent, "spare"), 0},
		{"silent, the standby is suspended", func(s *scene) { s.gone("main", 10); s.state.Suspended = []string{"standby"} },
			0, activate(failover.Silent, "spare"), 0},
		{"the spare is silent: main comes before those that the file names first", func(s *scene) {
			s.state.Active, s.settings.Nodes = "spare", []string{"standby", "spare", "main"}
			s.gone("spare", 10)
		}, 0, activate(failover.Silent, "main"), 0},
		{"silent, reached by an agent after its last ping", func(s *scene) {
			s.gone("main", 10)
			s.node("main", func(n *failover.Node) { n.HeardByAgent = s.ago(9.2) })
		}, 0, activate(failover.Silent, "standby"), 0},
		{"silent, last change made lately and dated long ago",
			func(s *scene) { s.gone("main", 30); s.state.Epoch = uint64(s.now.Unix()) },
			5 * time.Second, coming(failover.Silent, "standby"), 5},
		{"the standby is silent", func(s *scene) {
			s.state.Active = "standby"
			s.gone("standby", 10)
		}, 0, activate(failover.Silent, "main"), 0},
		{"silent, to be confirmed", func(s *scene) { s.gone("main", 10); s.settings.Failover = failover.Confirm }, 0,
			failover.Judgement{Code: failover.Silent, Node: "standby", Confirm: true}, 0},
		{"silent for less, to be confirmed", func(s *scene) { s.gone("main", 9); s.settings.Failover = failover.Confirm }, 0,
			coming(failover.Silent, "standby"), 1},
		{"cut off", func(s *scene) {
			s.gone("main", 10)
			s.node("main", func(n *failover.Node) { n.HeardByAgent = s.ago(1.5) })
		}, 0, activate(failover.CutOff, "standby"), 0},
		{"silent after it was unanswered", func(s *scene) {
			s.gone("main", 10)
			s.node("main", func(n *failover.Node) { n.Blocked = s.ago(12) })
		}, 0, activate(failover.Silent, "standby"), 0},
	}
}

// downRules are for a node whose agent pings.
func downRules() []rule {
	return []rule{
		{"the active node is none of the settings' any more",
			func(s *scene) { s.state.Active = "sold" }, 0, activate(failover.Silent, "main"), 0},
		{"node down", func(s *scene) {
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(12), s.ago(10), s.ago(11)
			})
		}, 0, activate(failover.NodeDown, "standby"), 0},
		{"node down, and unanswered before", func(s *scene) {
			s.node("main", func(n *failover.Node) {
				n.Blocked, n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(30), s.ago(30), s.ago(30), s.ago(17.1)
			})
		}, 0, activate(failover.NodeDown, "standby"), 0},
		{"node down, and the upgrade took too long", func(s *scene) {
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = begin.Add(-time.Hour), s.ago(20), s.ago(20)
			})
			s.node("main", func(n *failover.Node) { n.Status.Reactor, n.Status.UpgradeEra = "ShutdownForUpgrade", 8 })
		}, 10 * time.Minute, activate(failover.NodeDown, "standby"), -10},
		{"node down in the era of the upgrade", func(s *scene) {
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(12), s.ago(11), s.ago(11)
			})
			s.node("main", func(n *failover.Node) { n.Status.Reactor, n.Status.UpgradeEra = "ShutdownForUpgrade", 7 })
		}, 0, activate(failover.NodeDown, "standby"), 0},
		{"node down, shut down long before an upgrade", func(s *scene) {
			s.node("main", func(n *failover.Node) {
				n.Status.At, n.Rounds.Asked, n.Heights.Asked = s.ago(12), s.ago(10), s.ago(11)
			})
			s.node("main", func(n *failover.Node) { n.Shutdown, n.Status.UpgradeEra = s.ago(10), 9 })
		}, 0, activate(failover.NodeDown, "standby"), 0},
		{"unanswered, and another is answered", func(s *scene) {
			s.unanswered("main")
		}, 0, activate(failover.Blocked, "standby"), 0},
		{"unanswered for less, and another is answered", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Blocked = s.ago(7) })
		}, 0, coming(failover.Blocked, "standby"), 3},
		{"unanswered for less than half of that", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Blocked = s.ago(4.9) })
		}, 0, told(failover.Blocked), 0},
	}
}

// behindRules are for a node that lives, and is no good.
func behindRules() []rule {
	behind := func(s *scene) { s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(18) }) }
	return []rule{
		{"two rounds behind", func(s *scene) { behind(s); s.aheadOfBound(42, 1000) },
			0, activate(failover.Behind, "standby"), 0},
		{"two rounds behind, over an era's end", func(s *scene) {
			behind(s)
			s.aheadOfBound(2, 1000)
			s.node("standby", func(n *failover.Node) { n.Place.Era = 8 })
		}, 0, activate(failover.Behind, "standby"), 0},
		{"two rounds behind, of which the chain cannot have been", func(s *scene) {
			behind(s)
			s.aheadOfBound(44, 1000)
		}, 0, told(failover.Well), 0},
		{"two heights behind", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Heights.Advanced = s.ago(17) })
			s.node("standby", func(n *failover.Node) { n.Place.Height = 1002 })
		}, 0, activate(failover.Behind, "standby"), 0},
		{"two rounds behind, not for long", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced = s.ago(14) })
			s.aheadOfBound(42, 1000)
		}, 0, coming(failover.Behind, "standby"), 3},
		{"two heights behind, not for long, in a long round", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced, n.Heights.Advanced = s.ago(30), s.ago(14) })
			s.node("standby", func(n *failover.Node) { n.Place.Height = 1002 })
		}, 0, coming(failover.Behind, "standby"), 3},
		{"two rounds behind for a while, and two heights for longer", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.Rounds.Advanced, n.Heights.Advanced = s.ago(14), s.ago(18) })
			s.aheadOfBound(42, 1002)
		}, 0, activate(failover.Behind, "standby"), 0},
		{"leads in vain, three of three", ledInVain(func(*scene, *failover.Node) {}), time.Minute,
			failover.Judgement{Code: failover.NotConnected, Node: "standby", Confirm: true}, -40},
		{"leads in vain, in three rounds that are soon over", ledInVain(func(s *scene, n *failover.Node) {
			n.LostLeads = [failover.Leads]time.Time{s.ago(2), s.ago(5), s.ago(8)}
		}), time.Minute, coming(failover.NotConnected, "standby"), 2},
		{"leads in vain, two of three", ledInVain(func(_ *scene, n *failover.Node) {
			n.LostLeads[failover.Leads-1] = time.Time{}
		}),
			time.Minute, told(failover.Well), 0},
		{"leads in vain, and so do others", ledInVain(func(s *scene, n *failover.Node) { n.LostLeads[0] = s.ago(0.5) }),
			time.Minute, told(failover.Well), 0},
		{"leads in vain, by the account of one that was not ready then",
			ledInVain(func(*scene, *failover.Node) {}), 40 * time.Second, told(failover.Well), 0},
		{"leads in vain, before it was active", ledInVain(func(s *scene, _ *failover.Node) {
			s.state.Since = begin.Add(-45 * time.Second).UnixMilli()
		}),
			50 * time.Second, told(failover.Well), 0},
		{"another one led in vain, and then it was active", func(s *scene) {
			s.node("main", func(n *failover.Node) { n.LostLeads = [failover.Leads]time.Time{s.ago(10), s.ago(30), s.ago(50)} })
		}, time.Minute, told(failover.Well), 0},
		{"leads in vain, by the account of a suspended one", ledInVain(func(s *scene, _ *failover.Node) {
			s.state.Suspended = []string{"standby"}
		}),
			time.Minute, told(failover.Well), 0},
		{"suspended, after it had rounds bound to which no other has come", func(s *scene) {
			s.state.Suspended, s.state.Since, s.seen.Bound = []string{"main"}, s.now.UnixMilli(),
				failover.Place{Era: 8, Round: 3}
		}, 0, activate(failover.Suspended, "standby"), 0},
		{"suspended, and the standby is far behind one that is where slots are bound", func(s *scene) {
			s.state.Suspended, s.state.Since = []string{"main"}, s.now.UnixMilli()
			s.node("standby", func(n *failover.Node) { n.Place.Round = 5 })
		}, 0, activate(failover.Suspended, "spare"), 0},
		{"suspended", func(s *scene) { s.state.Suspended, s.state.Since = []string{"main"}, s.now.UnixMilli() },
			0, activate(failover.Suspended, "standby"), 0},
	}
}

// ledInVain is what the standby tells of a main whose peers do not hear it.
func ledInVain(edit func(*scene, *failover.Node)) func(*scene) {
	return func(s *scene) {
		s.node("standby", func(n *failover.Node) {
			n.LostLeads = [failover.Leads]time.Time{s.ago(10), s.ago(30), s.ago(50)}
			edit(s, n)
		})
	}
}

func returnRules() []rule {
	back := func(s *scene) { s.did("activate", failover.Silent, time.Hour) }
	return []rule{
		{"main is ready again", back, 5 * time.Minute, activate(failover.Return, "main"), 0},
		{"main is ready again, not for long", back, 4 * time.Minute, coming(failover.Return, "main"), 60},
		{"main is ready again, the second time in an hour",
			func(s *scene) { s.did("activate", failover.Return, 59*time.Minute); back(s) },
			9 * time.Minute, coming(failover.Return, "main"), 60},
		{"main is ready again, the fifth time in an hour", func(s *scene) {
			for i := range 4 {
				s.did("activate", failover.Return, time.Duration(i)*time.Minute)
			}
			back(s)
		}, time.Minute, coming(failover.Return, "main"), 59 * 60},
		{"main is ready again, after an operator chose long before", func(s *scene) {
			s.did("activate", failover.Operator, 3*time.Hour)
			back(s)
		}, 5 * time.Minute, activate(failover.Return, "main"), 0},
		{"main is ready again, cool-down", func(s *scene) {
			back(s)
			s.state.Epoch, s.state.Since = uint64(s.now.Unix()), s.ago(1).UnixMilli()
		},
			5 * time.Minute, coming(failover.Return, "main"), 9},
	}
}
