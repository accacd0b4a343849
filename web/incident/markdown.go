package incident

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// calm says what it means that nothing is anomalous: silence of what has no score means nothing.
func (d *Document) calm() string {
	switch {
	case d.At.IsZero():
		return "Not known: nothing has been evaluated yet. /-/ready tells why."
	case d.Series == 0 && len(d.Match) > 0:
		return fmt.Sprintf("Not known: no series matches %s.", text(strings.Join(d.Match, " or ")))
	case d.Series == 0:
		return "Not known: no detector has a series."
	case d.Scored == 0:
		return fmt.Sprintf("Not known: none of %d series has a score.", d.Series) + d.unscored()
	}
	return fmt.Sprintf("Nothing. %d of %d series have a score.", d.Scored, d.Series) + d.unscored()
}

// unscored says why series have no score, a line for each reason.
func (d *Document) unscored() string {
	var b strings.Builder
	for _, u := range d.Unscored {
		why := u.State
		if u.Reason != "" {
			why += ", " + u.Reason
		}
		fmt.Fprintf(&b, "\n- %d without a score (%s): %s", u.Series, why, u.Text)
	}
	return b.String()
}

// Markdown returns the document as text for people.
func (d *Document) Markdown() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if d.At.IsZero() {
		line("# What is anomalous\n")
	} else {
		line("# What is anomalous at %s UTC\n", d.At.Format("2006-01-02 15:04"))
	}
	if len(d.Incidents) == 0 {
		line("%s\n", d.calm())
	}
	for i := range d.Incidents {
		in := &d.Incidents[i]
		since := humanize.Clock(in.Since, d.At)
		if in.SinceOrEarlier {
			since += " or earlier"
		}
		line("## %s: %s, since %s\n", in.Severity, labelText(in.Labels), since)
		for k := range in.Series {
			line("- %s%s%s", text(in.Series[k].Sentence), contributions(&in.Series[k]), background(&in.Series[k]))
		}
		line("")
	}
	if len(d.Suspects) > 0 {
		line("# Suspects, the likeliest cause first\n")
	}
	for i, s := range d.Suspects {
		line("%d. %s, %.0f %% of the suspicion", i+1, labelText(s.Labels), 100*float64(s.Share))
		for _, r := range s.Reasons {
			line("   - %s", text(r))
		}
	}
	if len(d.Breaches) > 0 {
		line("\n# Bounds that will be crossed\n")
	}
	for i := range d.Breaches {
		f := &d.Breaches[i]
		for _, br := range f.Breaches {
			if br.At != nil {
				line("- %s: %s bound of %s at %s", text(f.Title()), br.Bound, humanize.Quantity(float64(br.Value), f.Unit),
					humanize.Clock(*br.At, d.At))
			}
		}
	}
	list(line, "Recent roll-outs", d.Changes)
	list(line, "Alerts that are firing", d.Alerts)
	for _, p := range d.Problems {
		line("\nNot known: %s", text(p))
	}
	return b.String()
}

func list(line func(string, ...any), title string, of []map[string]string) {
	if len(of) == 0 {
		return
	}
	line("\n# %s\n", title)
	for _, l := range of {
		line("- %s", labelText(l))
	}
}

func contributions(s *view.Series) string {
	parts := make([]string, 0, len(s.Contributions))
	for _, c := range s.Contributions {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", c.Feature, 100*float64(c.Share)))
	}
	if len(parts) == 0 {
		return ""
	}
	return " Made up of: " + text(strings.Join(parts, ", ")) + "."
}

// background says what the series was learned from, what forecasts it, and where its page is.
func background(s *view.Series) (said string) {
	if s.LearnedFrom != nil {
		said = fmt.Sprintf(" Learned from %s to %s.",
			s.LearnedFrom.Format("2006-01-02 15:04"), s.LearnedTo.Format("2006-01-02 15:04"))
	}
	if s.Model != "" {
		said += " Forecast by " + text(s.Model) + "."
	}
	if strings.HasPrefix(s.URL, "http") {
		said += " Page: <" + s.URL + ">"
	}
	return said
}

// labelText writes labels as code, which Markdown does not interpret.
func labelText(l map[string]string) string {
	parts := make([]string, 0, len(l))
	for _, name := range slices.Sorted(maps.Keys(l)) {
		parts = append(parts, fmt.Sprintf("%s=%q", name, l[name]))
	}
	return "`{" + strings.ReplaceAll(strings.Join(parts, ", "), "`", "'") + "}`"
}

// text keeps Markdown from interpreting what comes from labels.
func text(s string) string {
	return strings.NewReplacer("\n", " ", "*", `\*`, "_", `\_`, "`", "'", "<", "&lt;", "[", `\[`).Replace(s)
}
