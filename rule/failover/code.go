package failover

// The codes of a judgement, in the order in which its rules are asked. The code of a change that
// the judge made is the change's cause in the log.
const (
	NotStarted     = "not_started"     // the log has no first entry yet, so no node is active
	Fault          = "fault"           // our key signed what no cosigner was asked for: roles are held for good
	Unread         = "fault_unread"    // a node tells of a fault that nobody can look into: held for that era at most
	Held           = "held"            // an operator, or a fault, stopped automatic changes
	NoQuorum       = "no_quorum"       // signatures cannot be made, or could not until lately: no node is to blame
	Paused         = "paused"          // the cosigners have not listened long enough to call anybody silent
	Upgrade        = "upgrade"         // the network changes its version, and every node goes away for it
	Suspended      = "suspended"       // an operator took the node's rights away
	Silent         = "silent"          // the node's agent pings no cosigner, and no other agent reaches it
	CutOff         = "cut_off"         // the node's agent pings no cosigner, though another agent reaches it
	Blocked        = "blocked"         // the cosigners leave all that the node asks unanswered, which is not its fault
	NodeDown       = "node_down"       // the agent pings, but its node neither answers /status nor asks for signatures
	GateDown       = "gate_down"       // the gate of a stock node does not answer, so that the node cannot vote
	GatePassed     = "gate_passed"     // the gate of a stock node let pass what it must refuse: the node may vote unasked
	NotUp          = "not_up"          // the stock node does not come up: its starts fail, or the last one takes too long
	Out            = "out"             // the gate refused the node's own message: it does not vote before the next era
	Behind         = "behind"          // the node does not advance, while another has asked further than its next
	NotConnected   = "not_connected"   // its peers do not hear the node: no round that it led had its block
	NobodyReady    = "nobody_ready"    // the active node should be replaced, and no other could take over
	ByHand         = "by_hand"         // main is ready, but an operator chose the active node, and that stays
	FailbackManual = "failback_manual" // main is ready, and an operator is to make it active
	Return         = "return"          // main is ready again and takes over, now or once it has been for long enough
	Stall          = "stall"           // no node advances: the network stands still, and no change of roles would help
	Well           = "well"            // the active node does what it should
)

// The codes of a node that is not ready to become active, besides those above that are of a node.
// Except for CatchingUp they tell why it asks for no signatures, as /status has it; /status alone
// makes no node ready, and none unready.
const (
	CatchingUp    = "catching_up"    // the node asks for rounds that are long past
	NotValidating = "not_validating" // its reactor is in another state than Validate
	OtherKey      = "other_key"      // it is configured with another validator's key, or with none
	EraClosed     = "era_closed"     // its consensus has no era open
	ShortHistory  = "short_history"  // it lacks the blocks of the last two hours, without which casper-node does not vote
	NoRequests    = "no_requests"    // /status has no explanation
)

// Operator is the cause of an operator's changes.
const Operator = "operator"
