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

// Quantity formats a value for people: three digits, with its unit.
func Quantity(v float64, unit string) string {
	if math.IsNaN(v) {
		return "unknown"
	}
	per := ""
	if base, ok := strings.CutSuffix(unit, "/s"); ok && base == unitBytes {
		per, unit = "/s", base
	}
	return quantity(v, unit) + per
}

// Range formats a range of values. A unit that both ends have is named once.
func Range(from, to float64, unit string) string {
	low, high := Quantity(from, unit), Quantity(to, unit)
	number, one, _ := strings.Cut(low, " ")
	if _, other, _ := strings.Cut(high, " "); one == other && !strings.Contains(one, " ") {
		low = number // but of durations such as 1 h 5 min
	}
	return low + " to " + high
}

func quantity(v float64, unit string) string {
	size := math.Abs(v)
	switch {
	case unit == unitRatio:
		return digits(100*v) + " %"
	case unit == unitBytes && size >= 1024:
		return scaled(v, 1024, "KiB", "MiB", "GiB", "TiB", "PiB")
	case unit == unitBytes:
		return digits(v) + " B"
	case unit == unitSeconds && size >= 3600:
		return Duration(time.Duration(v * float64(time.Second)))
	case unit == unitSeconds && (size >= 1 || v == 0):
		return digits(v) + " s"
	case unit == unitSeconds && size >= 1e-3:
		return digits(1e3*v) + " ms"
	case unit == unitSeconds:
		return digits(1e6*v) + " µs"
	}
	return strings.TrimSuffix(plain(v)+" "+unit, " ")
}

// plain formats a value of a unit that is not scaled.
func plain(v float64) string {
	switch size := math.Abs(v); {
	case size >= 1e18:
		return fmt.Sprintf("%.3g", v)
	case size >= 10_000:
		return scaled(v, 1000, "k", "M", "G", "T", "P")
	}
	return digits(v)
}

// digits formats a number with three digits, or all of those before the point, and without an exponent if it is small.
func digits(v float64) string {
	if size := math.Abs(v); size >= 999.5 && size < 1e6 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// scaled formats a value of at least base in the largest of the units that leaves at least 1.
func scaled(v, base float64, units ...string) string {
	i := 0
	for v /= base; math.Abs(v) >= base && i+1 < len(units); i++ {
		v /= base
	}
	return digits(v) + " " + units[i]
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
