package health

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// errTooLong is what is wrong with a duration of more than 292 years, which a
// time.Duration cannot hold.
var errTooLong = errors.New("it is too long")

// ParseDuration reads a duration as casper-node writes it (casper-types timestamp.rs, TimeDiff, by
// the crate humantime): whole numbers with their units, parted by single spaces, such as "5days 13h
// 46m 54s 520ms". A month is 30.44 days long and a year 365.25. It is stricter than casper-node,
// which reads "2 hours" as well, but never writes it.
func ParseDuration(text string) (time.Duration, error) {
	var sum time.Duration
	for part := range strings.SplitSeq(text, " ") {
		d, err := parseSpan(part)
		if err == nil && d > math.MaxInt64-sum {
			err = errTooLong
		}
		if err != nil {
			return 0, fmt.Errorf("reading the duration %q: %w", printable(text, 64), err)
		}
		sum += d
	}
	return sum, nil
}

// parseSpan reads a number and its unit.
func parseSpan(text string) (time.Duration, error) {
	name := strings.TrimLeft(text, "0123456789")
	u := unit(name)
	if u == 0 || len(name) == len(text) {
		return 0, errors.New("it is not made of numbers with units, such as 1day 2h 3m 4s 5ms")
	}
	n, err := strconv.ParseInt(text[:len(text)-len(name)], 10, 64)
	if err != nil || n > math.MaxInt64/int64(u) {
		return 0, errTooLong
	}
	return time.Duration(n) * u, nil
}

// unit is how long the named unit is, 0 if there is none of that name.
func unit(name string) time.Duration {
	switch name {
	case "year", "years":
		return 31_557_600 * time.Second
	case "month", "months":
		return 2_630_016 * time.Second
	case "day", "days":
		return 24 * time.Hour
	case "h":
		return time.Hour
	case "m":
		return time.Minute
	case "s":
		return time.Second
	case "ms":
		return time.Millisecond
	case "us":
		return time.Microsecond
	case "ns":
		return time.Nanosecond
	}
	return 0
}
