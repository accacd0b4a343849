package check

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/estimate"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
)

// WriteProblems writes the problems for people, each on a line as file:line: what is wrong.
func (r *Result) WriteProblems(w io.Writer) {
	for _, p := range r.Problems {
		var b strings.Builder
		b.WriteString(p.File + ":")
		if p.Line > 0 {
			fmt.Fprintf(&b, "%d:", p.Line)
		}
		if p.Severity == Warning {
			b.WriteString(" warning:")
		}
		b.WriteString(" " + p.Message)
		if p.Remedy != "" {
			b.WriteString("; " + p.Remedy)
		}
		if p.Excerpt != "" {
			b.WriteString("\n" + p.Excerpt)
		}
		fmt.Fprintln(w, b.String())
	}
}

// WriteCosts writes for people how many series a valid file has, and how much memory they will take: a line for each
// detector and scaler, and one for the total.
func (r *Result) WriteCosts(w io.Writer) {
	if !r.Valid {
		return
	}
	fmt.Fprintf(w, "%s: valid, %s, %s\n", r.File, count(r.Detectors, "detector"), count(r.Scalers, "scaler"))
	for _, c := range r.Costs {
		switch {
		case c.Series == nil:
			fmt.Fprintf(w, "  %s %q: unknown number of series, at most %d: %s\n", c.Kind, c.Name, c.Limit, Size(c.AtMost))
		case *c.Series > c.Limit:
			fmt.Fprintf(w, "  %s %q: %s, %d of them over series_limit: %s\n",
				c.Kind, c.Name, count(*c.Series, "series"), *c.Series-c.Limit, Size(*c.Bytes))
		default:
			fmt.Fprintf(w, "  %s %q: %s: %s\n", c.Kind, c.Name, count(*c.Series, "series"), Size(*c.Bytes))
		}
	}
	now := fmt.Sprintf(": %s for %s now;", Size(r.MemoryLimit), count(r.Series, "series"))
	if slices.ContainsFunc(r.Costs, func(c Cost) bool { return c.Series == nil }) {
		now = "" // it would be too low
	}
	fmt.Fprintf(w, "  memory limit to set%s if every series_limit is reached: %s; the program itself takes %s of it\n",
		now, Size(r.MemoryLimitAtMax), Size(estimate.MemoryLimit(0)))
	if now != "" {
		fmt.Fprintf(w, "  a start with %s takes %s\n", count(r.Series, "series"), r.start(r.StartCPU))
	}
	fmt.Fprintf(w, "  if every series_limit is reached, a start takes %s\n", r.start(r.StartCPUAtMost))
}

// start returns CPU of a start, and how long that takes, for people.
func (r *Result) start(cpu float64) string {
	seconds := func(v float64) string { return humanize.Duration(time.Duration(math.Ceil(v)) * time.Second) }
	return fmt.Sprintf("about %s of CPU: %s on %s", seconds(cpu), seconds(cpu/float64(r.Cores)), count(r.Cores, "core"))
}

// count returns a number with its unit, such as "2 detectors".
func count(n int, what string) string {
	if n != 1 && what != "series" {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Size returns a number of bytes in a form that people can read.
func Size(bytes int64) string {
	const kib = 1 << 10
	switch {
	case bytes < kib*kib:
		return fmt.Sprintf("about %d KiB", (bytes+kib-1)/kib)
	case bytes < kib*kib*kib:
		return fmt.Sprintf("about %.1f MiB", float64(bytes)/(kib*kib))
	default:
		return fmt.Sprintf("about %.1f GiB", float64(bytes)/(kib*kib*kib))
	}
}
