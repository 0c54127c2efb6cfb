package presence

import "fmt"

// Reason says why a peer was refused.
type Reason string

// The reasons.
const (
	ReasonCluster   Reason = "another cluster"
	ReasonSelf      Reason = "the name of this cosigner itself"
	ReasonDirectory Reason = "another state directory"
	ReasonShared    Reason = "a state directory of another cosigner"
	ReasonBoot      Reason = "an older start"
	ReasonSession   Reason = "two processes of one start"
	ReasonIndex     Reason = "a shorter log"
	ReasonLedger    Reason = "a ledger of fewer records"
	ReasonFell      Reason = "a state that went back while it ran"
	ReasonLate      Reason = "what it was long ago"
	ReasonStated    Reason = "less than it had, by its own signature"
)

// Lasts reports whether the state is refused from then on, whatever it shows later.
func (r Reason) Lasts() bool { return r == ReasonIndex || r == ReasonLedger || r == ReasonFell }

// PeerError is returned by Admit for a peer whose state is not the state that
// was seen of it before. Have is what is known, Got what it shows now.
type PeerError struct {
	Peer      string
	Reason    Reason
	Have, Got Presence
	Stated    string // with ReasonStated: what it signed, and what that shows
	Unfounded bool   // the log of whoever refuses was never founded, as far as it knows
}

// Error says what happened, what is at stake and what to do.
func (e *PeerError) Error() string {
	return fmt.Sprintf("refusing cosigner %s: it shows %s: %s", e.Peer, e.Reason, e.explain())
}

func (e *PeerError) explain() string {
	const stop = "Stop it: what it signed may be unknown to it, so its answers could make the validator sign twice. " +
		"Do not restore, copy or initialise a directory for it and do not edit peers.json here; keep its share file. " +
		"If the newer directory still exists, run that one, on one host only; else leave it stopped. What to do: " +
		"docs/recovery.md, \"One cosigner is lost\""
	switch e.Reason {
	case ReasonCluster:
		return fmt.Sprintf("cluster id %v, ours is %v. It was set up for another cluster: "+
			"check which folder its host was given, and do not change ids by hand", e.Got.Cluster, e.Have.Cluster)
	case ReasonSelf:
		return "it never calls itself, so its certificate is in use on a second host. Stop that one and do not start it again"
	case ReasonDirectory:
		seen := fmt.Sprintf("directory id %v, but it was first seen with %v. ", e.Got.Directory, e.Have.Directory)
		if e.Unfounded {
			seen += "Nothing was founded here yet. If all were just made anew, the one that was seen first was forgotten, and " +
				"made anew after it had run beside new ones: then stop all cosigners, and make all of them anew once more, " +
				"none left out, before any is started: docs/recovery.md, \"The cluster founded anew\". Else: "
		}
		return seen + "Its disk was lost, or its share runs on a second host. " + stop
	case ReasonShared:
		return fmt.Sprintf("directory id %v, which is already another cosigner's. A state directory was copied. %s",
			e.Got.Directory, stop)
	case ReasonBoot:
		return fmt.Sprintf("start number %d, but number %d was seen. Its directory was restored or copied from an older "+
			"state. %s",
			e.Got.Boot, e.Have.Boot, stop)
	case ReasonSession:
		return fmt.Sprintf("start number %d as process %v, but that start was seen as process %v. "+
			"Its directory was restored, or two copies of it are running. %s", e.Got.Boot, e.Got.Session, e.Have.Session, stop)
	case ReasonIndex:
		return fmt.Sprintf("a log that ended at index %d when it was started anew, but it had applied index %d. Its log was "+
			"lost, cut or restored. It stays refused, however far its log grows. If that was a copy, and the directory that "+
			"it was made of is there and was never put back: docs/recovery.md, \"A copy was started\". %s",
			e.Got.LastIndex, e.Have.AppliedIndex, stop)
	case ReasonLedger:
		return fmt.Sprintf("a ledger that was given %d records when it was started anew, but it had shown %d. Its directory "+
			"was restored. It stays refused, however far its ledger grows. If that was a copy, and the directory that "+
			"it was made of is there and was never put back: docs/recovery.md, \"A copy was started\". %s",
			e.Got.Written, e.Have.Written, stop)
	case ReasonFell:
		what, got, had := "applied index", e.Got.AppliedIndex, e.Have.AppliedIndex
		if got >= had {
			what, got, had = "records in its ledger:", e.Got.Written, e.Have.Written
		}
		return fmt.Sprintf("%s %d, but as the same process it had shown %d when it was asked. Its machine was "+
			"put back to a snapshot with its memory. It stays refused as long as that process runs, whatever it shows. "+
			"Restart it once: if it is let in then, nothing was lost. If it is refused again: %s", what, got, had, stop)
	case ReasonStated:
		return fmt.Sprintf("%s. %s", e.Stated, stop)
	case ReasonLate:
		return fmt.Sprintf("applied index %d, less than it showed over %v ago as the same process. This one request is not "+
			"served: it was under way for too long, or that machine was put back to a snapshot with its memory, which "+
			"its next answer shows. Once, do not mind it; if it goes on, restart that cosigner",
			e.Got.AppliedIndex, LateAfter)
	}
	return stop
}
