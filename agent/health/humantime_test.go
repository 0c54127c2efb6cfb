package health

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	good := map[string]time.Duration{
		"0s":                      0,
		"8s":                      8 * time.Second,
		"32s 768ms":               32768 * time.Millisecond,
		"1m":                      time.Minute,
		"1day":                    day,
		"2days 5ms":               2*day + 5*time.Millisecond,
		"5days 13h 46m 54s 520ms": 5*day + 13*time.Hour + 46*time.Minute + 54*time.Second + 520*time.Millisecond,
		"1month 1day":             2_630_016*time.Second + day,
		"2months":                 2 * 2_630_016 * time.Second,
		"1year 2months":           (31_557_600 + 2*2_630_016) * time.Second,
		"292years":                292 * 31_557_600 * time.Second,
		"1s 1us 1ns":              time.Second + time.Microsecond + 1,
		"9223372036854775807ns":   math.MaxInt64,
	}
	for text, want := range good {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"s", "8", "8fortnights"} {
		if _, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), "numbers with units") {
			t.Errorf("%q: %v", text, err)
		}
	}
	bad := []string{"", " ", "8", "s", "8 s", "8s ", " 8s", "8s  1ms", "-8s", "+8s", "1.5s", "8S", "8sec", "8s1ms", "٣s",
		"8s\n",
		"293years", "292years 292years", "9223372036854775808ns", "99999999999999999999s", "9223372036854775807ns 1ns",
		"null", strings.Repeat("9", 1<<16) + "s"}
	for _, text := range bad {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%.40q was read as %v", text, got)
		} else if len(err.Error()) > 300 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
}

// written is a duration as the crate humantime writes it, by its documentation.
func written(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var parts []string
	for _, u := range []struct {
		name   string
		length time.Duration
		plural string
	}{
		{"year", 31_557_600 * time.Second, "s"}, {"month", 2_630_016 * time.Second, "s"}, {"day", 24 * time.Hour, "s"},
		{"h", time.Hour, ""}, {"m", time.Minute, ""}, {"s", time.Second, ""}, {"ms", time.Millisecond, ""},
		{"us", time.Microsecond, ""}, {"ns", time.Nanosecond, ""},
	} {
		n := d / u.length
		d %= u.length
		switch {
		case n == 1:
			parts = append(parts, "1"+u.name)
		case n > 1:
			parts = append(parts, fmt.Sprint(int64(n), u.name)+u.plural)
		}
	}
	return strings.Join(parts, " ")
}

// FuzzParseDuration: what humantime writes is read as it was meant, and whatever is read can be
// written and read again.
func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"5days 13h 46m 54s 520ms", "8s", "32s 768ms", "1year 1month", "0s", "8",
		"9223372036854775807ns"} {
		f.Add(text, int64(len(text))*1e12)
	}
	f.Fuzz(func(t *testing.T, text string, n int64) {
		d := time.Duration(n & math.MaxInt64)
		if got, err := ParseDuration(written(d)); err != nil || got != d {
			t.Errorf("%q: %v, %v, want %v", written(d), got, err, d)
		}
		got, err := ParseDuration(text)
		if err != nil {
			return
		}
		again, err := ParseDuration(written(got))
		if got < 0 || err != nil || again != got {
			t.Errorf("%q: %v, written %q, again %v, %v", text, got, written(got), again, err)
		}
	})
}
