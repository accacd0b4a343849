// Package humanize writes values, durations and return periods for people.
package humanize

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"
)

// The units that names of metrics tell.
const (
	unitSeconds = "seconds"
	unitBytes   = "bytes"
	unitRatio   = "ratio"
)

// meanOf matches the sum of a metric whose unit is in its name. Divided by the count it is a mean in that unit.
var meanOf = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*_(seconds|bytes))_sum\b`)

// Unit guesses the unit of a series from the name of its metric, or from its PromQL if that names one metric's unit
// and divides by no more than the metric's count; "" if it is not known.
func Unit(metricName string, expressions []string) string {
	for _, unit := range []string{unitSeconds, unitBytes, unitRatio} {
		if strings.HasSuffix(metricName, "_"+unit) {
			return unit
		}
	}
	if metricName != "" || len(expressions) != 1 {
		return ""
	}
	expr := expressions[0]
	if mean := meanOf.FindStringSubmatch(expr); mean != nil && strings.Count(expr, "/") == 1 &&
		strings.Contains(expr, mean[1]+"_count") {
		return mean[2]
	}
	switch {
	case strings.Contains(expr, "histogram_quantile") && strings.Contains(expr, "_seconds"):
		return unitSeconds
	case strings.Contains(expr, "/"), strings.Contains(expr, "rate("):
		return ""
	case strings.Contains(expr, "_bytes"):
		return unitBytes
	}
	return ""
}

// Quantity formats a value for people: three digits, with its unit.
func Quantity(v float64, unit string) string {
	if math.IsNaN(v) {
		return "unknown"
	}
	size := math.Abs(v)
	switch {
	case unit == unitRatio:
		return fmt.Sprintf("%.3g %%", 100*v)
	case unit == unitBytes && size >= 1024:
		return scaled(v, 1024, "KiB", "MiB", "GiB", "TiB", "PiB")
	case unit == unitBytes:
		return fmt.Sprintf("%.3g B", v)
	case unit == unitSeconds && size >= 3600:
		return Duration(time.Duration(v * float64(time.Second)))
	case unit == unitSeconds && (size >= 1 || v == 0):
		return fmt.Sprintf("%.3g s", v)
	case unit == unitSeconds && size >= 1e-3:
		return fmt.Sprintf("%.3g ms", 1e3*v)
	case unit == unitSeconds:
		return fmt.Sprintf("%.3g µs", 1e6*v)
	case size >= 1e18:
		return fmt.Sprintf("%.3g", v)
	case size >= 10_000:
		return scaled(v, 1000, "k", "M", "G", "T", "P")
	case size >= 1000:
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
	if math.Abs(v) >= 1000 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
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
