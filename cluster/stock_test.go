package cluster_test

import (
	"strings"
	"testing"

	"casper-cosigner/cluster"
	"casper-cosigner/cluster/clustertest"
	"casper-cosigner/rule/casper"
)

// TestStandby: a stock node is passive, and is restarted if it cannot vote, unless the file says
// otherwise; and a file that says nothing has not the words, which a release before would refuse.
func TestStandby(t *testing.T) {
	for _, c := range []struct {
		standby, rearm string
		passive        bool
		rearms, fault  string
	}{
		{"", "", true, "auto", ""},
		{"passive", "auto", true, "auto", ""},
		{"hot", "manual", false, "manual", ""},
		{"cold", "auto", true, "auto", "failover.standby"},
		{"hot", "confirm", false, "confirm", "failover.rearm"},
	} {
		fresh := clustertest.New(t, casper.PublicKey{1}, nil)
		f := fresh.File
		f.Failover.Standby, f.Failover.Rearm = c.standby, c.rearm
		text, err := f.Encode()
		if err != nil {
			t.Fatal(err)
		}
		read, err := cluster.Parse(text)
		switch {
		case c.fault != "":
			if err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("%+v: %v", c, err)
			}
		case err != nil:
			t.Errorf("%+v: %v", c, err)
		case read.Failover.Passive() != c.passive || read.Failover.Rearms() != c.rearms:
			t.Errorf("%+v: passive %v, rearm %s", c, read.Failover.Passive(), read.Failover.Rearms())
		case c.standby == "" && (strings.Contains(string(text), "standby =") || strings.Contains(string(text), "rearm")):
			t.Errorf("it is written as\n%s", text)
		}
	}
}
