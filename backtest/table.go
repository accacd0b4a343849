package backtest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/replicas"
)

// String formats the report as tables.
func (r *Report) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	// Writes to a strings.Builder do not fail.
	fmt.Fprintf(w, "from %s to %s\n", stamp(r.Start), stamp(r.End))
	for _, table := range r.Tables() {
		fmt.Fprintln(w)
		for _, row := range table.Rows {
			fmt.Fprintln(w, strings.Join(row, "\t"))
		}
	}
	w.Flush()
	if len(r.Findings) > 0 {
		b.WriteString("\nstrongest findings\n")
	}
	for i, f := range r.Findings {
		fmt.Fprintf(&b, "%2d. %s\n", i+1, f)
	}
	return b.String()
}

// A Table is a part of the report.
type Table struct {
	About string     // "detectors", "unscored", "budgets", "forecasts", "truth", "scalers" or "alerts"
	Rows  [][]string // the first is the header
}

// Tables returns the tables of the report, those without a row below the header left out.
func (r *Report) Tables() []Table {
	all := []Table{
		{"detectors", r.detectors()},
		{"unscored", r.unscored()},
		{"budgets", r.budgets()},
		{"forecasts", r.forecasts()},
		{"truth", r.truths()},
		{"scalers", r.scalers()},
		{"alerts", r.alerts()},
	}
	return slices.DeleteFunc(all, func(t Table) bool { return len(t.Rows) < 2 })
}

func (r *Report) detectors() [][]string {
	table := [][]string{{
		"detector", "series", "steps", "over 0.8", "alerts", "per series-week", "breaches", "without score", "verdict",
	}}
	for _, d := range r.Detectors {
		unscored := "-"
		if d.Failed {
			unscored = "failed"
		} else if d.Series == 0 {
			unscored = "no series"
		} else if d.Unscored > 0 {
			unscored = fmt.Sprintf("%d steps, mostly %s", d.Unscored, d.Reason)
		}
		row := []string{
			d.Name, strconv.Itoa(d.Series), strconv.Itoa(d.Steps), percent(d.Over),
			strconv.Itoa(d.Alerts), number(d.PerWeek), "-", unscored, verdict(d.Problems()),
		}
		if d.NoScore {
			row[4] = "-"
		}
		if d.Bounded {
			row[6] = strconv.Itoa(len(d.Breaches))
		}
		if d.Unknown() {
			row[8] = "-"
		}
		table = append(table, row)
	}
	return table
}

// unscored has a row for each reason why detectors have no score at all.
func (r *Report) unscored() [][]string {
	table := [][]string{{"no score yet", "because"}}
	names := map[string][]string{} // by reason
	for _, d := range r.Detectors {
		if names[d.Why] = append(names[d.Why], d.Name); d.Why != "" && len(names[d.Why]) == 1 {
			table = append(table, []string{d.Name, d.Why})
		}
	}
	for _, row := range table[1:] {
		if n := len(names[row[1]]); n > 1 {
			row[0] += fmt.Sprintf(" and %d more", n-1)
		}
	}
	return table
}

// budgets has a row with the bars, one for each detector, and one for all of them.
func (r *Report) budgets() [][]string {
	header, bars := []string{"alerts a week by budget"}, []string{"bar: as unusual as once in"}
	rows := make([][]string, len(r.Detectors)+1)
	for _, b := range r.Budgets {
		header = append(header, number(b.PerWeek)+" a week")
		bars = append(bars, rarity(b.Bar))
		all := 0.0
		for i, alerts := range b.Alerts {
			rows[i] = append(rows[i], number(alerts))
			all += alerts
		}
		rows[len(r.Detectors)] = append(rows[len(r.Detectors)], number(all))
	}
	if len(r.Budgets) == 0 {
		return nil
	}
	table := [][]string{header, bars}
	for i, d := range r.Detectors {
		table = append(table, append([]string{d.Name}, rows[i]...))
	}
	return append(table, append([]string{"all"}, rows[len(r.Detectors)]...))
}

// rarity formats a return period in seconds.
func rarity(seconds float64) string {
	weeks := seconds / week.Seconds()
	if weeks < 104 { // two years
		return number(weeks) + " weeks"
	}
	return number(weeks/52.18) + " years"
}

func (r *Report) forecasts() [][]string {
	table := [][]string{{
		"forecasts of", "horizon", "error vs a day before", "bias", "in interval", "nominal", "outcomes", "verdict",
	}}
	for _, d := range r.Detectors {
		for _, h := range d.Horizons {
			text := "-"
			if h.Forecasts > 0 {
				text = verdict(h.Problems())
			}
			table = append(table, []string{
				d.Name, span(h.Horizon), number(h.Error), percent(h.Bias),
				percent(h.Coverage), percent(h.Level), strconv.Itoa(h.Forecasts), text,
			})
		}
	}
	return table
}

func (r *Report) truths() [][]string {
	table := [][]string{{"against the truth", "incidents", "found", "recall", "alerts", "true", "precision", "lead time"}}
	for _, d := range r.Detectors {
		t := d.Truth
		if t == nil {
			continue
		}
		lead := "-"
		if t.Found > 0 {
			lead = span(t.Lead)
		}
		table = append(table, []string{
			d.Name, strconv.Itoa(t.Incidents), strconv.Itoa(t.Found), percent(t.Recall()),
			strconv.Itoa(t.Alerts), strconv.Itoa(t.True), percent(t.Precision()), lead,
		})
	}
	return table
}

func (r *Report) scalers() [][]string {
	table := [][]string{{
		"scaler", "series", "steps", "changes", "strategy", "replicas", "replica-hours", "cost", "too few for", "of the time",
	}}
	for _, s := range r.Scalers {
		changes := fmt.Sprintf("%d up, %d down", s.Up, s.Down)
		row := []string{s.Name, strconv.Itoa(s.Series), strconv.Itoa(s.Steps), changes}
		for i, c := range s.Strategies {
			cost := number(c.Cost)
			if !math.IsNaN(c.Cost) {
				cost = strconv.FormatFloat(c.Cost, 'f', 2, 64)
			}
			table = append(table, append(row,
				replicas.Strategy(i).String(), number(c.Replicas), number(c.ReplicaHours), cost,
				span(c.Under), percent(c.UnderShare),
			))
			row = []string{"", "", "", ""}
		}
	}
	return table
}

// alerts has a row for each alert, those of a detector together.
func (r *Report) alerts() [][]string {
	table := [][]string{{"alert of", "from", "to", "for", "series"}}
	for _, d := range r.Detectors {
		all := slices.Concat(d.Fired, d.Breaches)
		slices.SortStableFunc(all, func(a, b Alert) int { return a.Start.Compare(b.Start) })
		for _, a := range all {
			end := stamp(a.End)
			if a.Firing {
				end = "still firing"
			}
			name := d.Name
			if a.Bound != "" {
				name += " (" + a.Bound + " bound)"
			}
			table = append(table, []string{name, stamp(a.Start), end, span(a.End.Sub(a.Start)), a.Labels.String()})
		}
	}
	return table
}

// String formats the finding in three lines.
func (f Finding) String() string {
	lines := f.Lines()
	return fmt.Sprintf("%s  %s %s\n    %s\n    %s", lines[0], f.Detector, f.Labels, lines[1], lines[2])
}

// Lines says when and how strong the finding was; what was seen, expected, and most unusual; and how it developed.
func (f Finding) Lines() [3]string {
	strength := fmt.Sprintf("%s  score %.2f, for %s", stamp(f.Time), f.Score, span(f.Duration))
	if f.Alerted {
		strength += ", alert"
	}
	seen := "seen " + f.seen()
	shares := make([]string, 0, len(f.Contributions))
	for _, c := range f.Contributions {
		shares = append(shares, fmt.Sprintf("%s %.0f %%", c.Feature, 100*c.Share))
	}
	if len(shares) > 0 {
		seen += ": " + strings.Join(shares, ", ")
	}
	return [3]string{strength, seen, f.trendLine()}
}

// trendLine describes the trend of the value, and the steps that the model was fitted on.
func (f Finding) trendLine() string {
	var parts []string
	unit := f.TrendUnit()
	text := f.Trend.Text(func(change float64) string { return humanize.Quantity(change, unit) })
	if text != "" {
		parts = append(parts, text)
	}
	if !math.IsNaN(f.PerHour) {
		parts = append(parts, humanize.Quantity(f.PerHour, strings.TrimSuffix(unit, "/s"))+" per hour")
	}
	trend := strings.Join(parts, "; ")
	if trend != "" && f.Inputs != nil && len(f.Contributions) > 0 {
		trend = f.Contributions[0].Feature + " " + trend
	}
	if trend != "" {
		trend += "; "
	}
	return trend + "learned from " + stamp(f.From) + " to " + stamp(f.To)
}

// seen describes the value, and what was expected.
func (f Finding) seen() string {
	if f.Inputs != nil {
		var all []string
		for _, in := range f.Inputs {
			all = append(all, in.Name+" "+humanize.Quantity(in.Value, in.Unit))
		}
		return strings.Join(all, ", ")
	}
	value := func(v float64) string { return humanize.Quantity(v, f.Unit) }
	if math.IsNaN(f.Expected) {
		return value(f.Seen) + ", nothing expected"
	}
	seen, usual := humanize.Beside(f.Seen, f.Lower, f.Upper, f.Unit)
	expected, _ := humanize.Beside(f.Expected, f.Lower, f.Upper, f.Unit)
	return fmt.Sprintf("%s, expected %s (%s)", seen, expected, usual)
}

// percent formats a share as a percentage; NaN as a dash.
func percent(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return strconv.FormatFloat(100*share, 'g', 3, 64) + " %"
}

// number formats v with three digits, or all before the decimal point; NaN as a dash.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 1000 && a < 1e9:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// span formats a duration as in the configuration.
func span(d time.Duration) string {
	if d < 0 {
		return "-" + span(-d)
	}
	return model.Duration(d.Round(time.Second)).String()
}
