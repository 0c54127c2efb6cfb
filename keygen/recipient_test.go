package keygen

import (
	"errors"
	"strings"
	"testing"

	"filippo.io/age"
)

// TestRecipients: every fault is named, and no two shares are opened by one identity.
func TestRecipients(t *testing.T) {
	var own [3]string
	for i := range own {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		own[i] = id.Recipient().String()
	}
	if list, err := Recipients(own[:]); err != nil || len(list) != 3 {
		t.Errorf("%d recipients, %v", len(list), err)
	}
	for _, test := range []struct {
		texts []string
		is    error
		wants []string
	}{
		{[]string{own[0], own[1], own[0]}, errSameRecipient, []string{"recipient of share 3: "}},
		{[]string{own[0], "", own[1]}, errNoRecipient, []string{"recipient of share 2: "}},
		{[]string{"age1x", own[0], "age1y"}, nil, []string{"recipient of share 1: ", "recipient of share 3: "}},
		{[]string{"", ""}, errNoRecipient, []string{"recipient of share 1: ", "recipient of share 2: "}},
	} {
		_, err := Recipients(test.texts)
		if err == nil || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%q: %v, want %v", test.texts, err, test.is)
			continue
		}
		for _, want := range test.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q", test.texts, err, want)
			}
		}
	}
}

func TestSameSplit(t *testing.T) {
	s := ShareFile{Cluster: "c", Epoch: 1, ID: 1}
	if !s.SameSplit(ShareFile{Cluster: "c", Epoch: 1, ID: 2}) {
		t.Error("two shares of one split are not")
	}
	if s.SameSplit(ShareFile{Cluster: "d", Epoch: 1}) || s.SameSplit(ShareFile{Cluster: "c", Epoch: 2}) {
		t.Error("of another cluster or epoch, and of one split")
	}
}
