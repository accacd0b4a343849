// Package humanize writes values, durations and return periods for people.
package humanize

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The units that are scaled; values of others are followed by theirs.
const (
	unitSeconds = "seconds"
	unitBytes   = "bytes"
	unitRatio   = "ratio"
)

const (
	// fewest is how many digits a number has. Chosen: more are hard to read.
	fewest = 3
	// most is how many digits tell numbers apart at the most. As many has what models learn from.
	most = 7
)

// Quantity formats a value for people: three digits, with its unit.
func Quantity(v float64, unit string) string { return quantity(v, unit, fewest) }

// Range formats a range of values. A unit that both ends have is named once. There are as many digits as tell the ends
// apart.
func Range(from, to float64, unit string) string {
	_, usual := Beside(math.NaN(), from, to, unit)
	return usual
}

// Beside formats a value and a range that people compare. There are as many digits as tell the ends apart, and the
// value from an end that it is beyond.
func Beside(v, from, to float64, unit string) (value, usual string) {
	digits := fewest
	for n := fewest; n <= most; n++ {
		value, low, high := quantity(v, unit, n), quantity(from, unit, n), quantity(to, unit, n)
		if (low != high || from == to) && (value != low || v >= from) && (value != high || v <= to) {
			digits = n
			break
		}
	}
	low, high := quantity(from, unit, digits), quantity(to, unit, digits)
	number, one, _ := strings.Cut(low, " ")
	if _, other, _ := strings.Cut(high, " "); one == other && !strings.Contains(one, " ") {
		low = number // but of durations such as 1 h 5 min
	}
	return quantity(v, unit, digits), low + " to " + high
}

// quantity formats a value with so many digits.
func quantity(v float64, unit string, n int) string {
	if math.IsNaN(v) {
		return "unknown"
	}
	per := ""
	if base, ok := strings.CutSuffix(unit, "/s"); ok && base == unitBytes {
		per, unit = "/s", base
	}
	return sized(v, unit, n) + per
}

// sized formats a value in the size of its unit that it needs.
func sized(v float64, unit string, n int) string {
	size := math.Abs(v)
	switch {
	case unit == unitRatio:
		return digits(100*v, n) + " %"
	case unit == unitBytes && size >= 1024:
		return scaled(v, n, 1024, "KiB", "MiB", "GiB", "TiB", "PiB")
	case unit == unitBytes:
		return digits(v, n) + " B"
	case unit == unitSeconds && size >= 3600:
		return Duration(time.Duration(v * float64(time.Second)))
	case unit == unitSeconds && (size >= 1 || v == 0):
		return digits(v, n) + " s"
	case unit == unitSeconds && size >= 1e-3:
		return digits(1e3*v, n) + " ms"
	case unit == unitSeconds:
		return digits(1e6*v, n) + " µs"
	}
	return strings.TrimSuffix(plain(v, n)+" "+unit, " ")
}

// plain formats a value of a unit that is not scaled.
func plain(v float64, n int) string {
	switch size := math.Abs(v); {
	case size >= 1e18:
		return fmt.Sprintf("%.*g", n, v)
	case size >= 10_000:
		return scaled(v, n, 1000, "k", "M", "G", "T", "P")
	}
	return digits(v, n)
}

// digits formats a number with so many digits, or all of those before the point, without an exponent if it is small.
func digits(v float64, n int) string {
	if size := math.Abs(v); size >= math.Pow10(n)-0.5 && size < 1e6 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.*g", n, v)
}

// scaled formats a value of at least base in the largest of the units that leaves at least 1.
func scaled(v float64, n int, base float64, units ...string) string {
	i := 0
	for v /= base; math.Abs(v) >= base && i+1 < len(units); i++ {
		v /= base
	}
	return digits(v, n) + " " + units[i]
}

const (
	day  = 24 * time.Hour
	week = 7 * day
	year = 365 * day
)

// Duration formats a duration for people, in its two largest units.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	parts := []string{}
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.of; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.of
		} else if len(parts) > 0 {
			break
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

// Rarity says how rare a return period is.
func Rarity(returnPeriod float64) string {
	switch {
	case math.IsNaN(returnPeriod):
		return ""
	case returnPeriod > 10*year.Seconds():
		return "less than once in 10 years"
	case returnPeriod >= 2*year.Seconds():
		return fmt.Sprintf("once in %.0f years", returnPeriod/year.Seconds())
	case returnPeriod >= 2*week.Seconds():
		return fmt.Sprintf("once in %.0f weeks", returnPeriod/week.Seconds())
	case returnPeriod >= 2*day.Seconds():
		return fmt.Sprintf("once in %.0f days", returnPeriod/day.Seconds())
	case returnPeriod >= 2*time.Hour.Seconds():
		return fmt.Sprintf("once in %.0f hours", returnPeriod/time.Hour.Seconds())
	}
	return fmt.Sprintf("once in %.0f minutes", returnPeriod/60)
}

// Age formats a duration, to the minute.
func Age(d time.Duration) string {
	if d > -time.Minute && d < time.Minute {
		return "less than a minute"
	}
	return Duration(d.Truncate(time.Minute))
}

// Clock returns the time of day in UTC, and the date if that is another than that of now.
func Clock(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("2 Jan 15:04")
	}
	return t.Format("15:04")
}
