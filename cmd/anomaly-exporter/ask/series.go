package ask

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/config/suggest"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/detector/result/meaning"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// Series is the command series, with its flags.
type Series struct {
	Server
	detectors, scalers, match, states []string
	gone                              bool
	format                            string
}

// AddSeries adds the command to a program.
func AddSeries(app *kingpin.Application) (*kingpin.CmdClause, *Series) {
	var s Series
	cmd := app.Command("series", "List the series of a running exporter: their state, and of those without a score the "+
		"reason and what to do.")
	s.AddTo(cmd, "exporter", "", "http://localhost:9942", "URL of the exporter, with its route prefix if it has one.")
	cmd.Flag("detector", "Only the series of this detector. May be repeated.").PlaceHolder("NAME").StringsVar(&s.detectors)
	cmd.Flag("scaler", "Only those of this scaler. May be repeated.").PlaceHolder("NAME").StringsVar(&s.scalers)
	cmd.Flag("match", "Selector over the labels of the results, such as {namespace=\"shop\"}. May be repeated.").
		PlaceHolder("SELECTOR").StringsVar(&s.match)
	var states []string
	for _, r := range meaning.States() {
		states = append(states, r.Names...)
	}
	cmd.Flag("state", "Only series in this state: scored, learning, failed, muted or stale. May be repeated.").
		EnumsVar(&s.states, states...)
	cmd.Flag("gone", "Series that have no value any more, such as those of a pod that was replaced, instead of those "+
		"that have one.").BoolVar(&s.gone)
	cmd.Flag("format", "Format of the list: table, or json, which has all that the API says of each series.").
		Default("table").EnumVar(&s.format, "table", "json")
	return cmd, &s
}

// Run lists the series on stdout.
func (s *Series) Run(ctx context.Context, stdout io.Writer) error {
	c, err := s.Client()
	if err != nil {
		return err
	}
	defer c.CloseIdleConnections()
	if err := s.checkNames(ctx, c); err != nil {
		return err
	}
	query := url.Values{"detector": s.detectors, "scaler": s.scalers, "match[]": s.match}
	if s.gone {
		query.Set("gone", "true")
	}
	raw, err := c.series(ctx, query)
	if err != nil {
		return err
	}
	var found []view.Series
	shown := []json.RawMessage{}
	for _, text := range raw {
		var one view.Series
		if err := json.Unmarshal(text, &one); err != nil {
			return fmt.Errorf("series of %s: %w", s.url.Redacted(), err)
		}
		if len(s.states) == 0 || slices.Contains(s.states, cmp.Or(one.State, meaning.Scored)) {
			found, shown = append(found, one), append(shown, text)
		}
	}
	if s.format == "json" {
		enc := json.NewEncoder(stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"series": shown})
	}
	if len(raw) == 0 && !s.gone {
		_, err := fmt.Fprintln(stdout, "0 series: nothing that was asked for has a value now; check-config says why an "+
			"expression has none")
		return err
	}
	return writeSeries(stdout, found)
}

// checkNames asks whether there are the detectors and scalers that are asked for.
func (s *Series) checkNames(ctx context.Context, c *Client) error {
	if len(s.detectors)+len(s.scalers) == 0 {
		return nil
	}
	var answer struct {
		Detectors []struct{ Kind, Name string } `json:"detectors"`
	}
	if err := c.API(ctx, "detectors", url.Values{"limit": {strconv.Itoa(perPage)}}, &answer); err != nil {
		return err
	}
	for kind, names := range map[string][]string{"detector": s.detectors, "scaler": s.scalers} {
		var known []string
		for _, d := range answer.Detectors {
			if d.Kind == kind {
				known = append(known, d.Name)
			}
		}
		for _, name := range names {
			if !slices.Contains(known, name) {
				return fmt.Errorf("the exporter has no %s %q%s", kind, name, suggest.DidYouMean(name, known))
			}
		}
	}
	return nil
}

// series returns all series that a query asks for, page by page. A cycle between two pages may add or remove some.
func (c *Client) series(ctx context.Context, query url.Values) (all []json.RawMessage, err error) {
	query.Set("limit", strconv.Itoa(perPage))
	for {
		var page struct {
			Series []json.RawMessage `json:"series"`
			Total  int               `json:"total"`
		}
		query.Set("offset", strconv.Itoa(len(all)))
		if err := c.API(ctx, "series", query, &page); err != nil {
			return nil, err
		}
		if all = append(all, page.Series...); len(page.Series) == 0 || len(all) >= page.Total {
			return all, nil
		}
	}
}

// writeSeries writes a table for people, and how many series are in which state.
func writeSeries(w io.Writer, series []view.Series) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DETECTOR\tSERIES\tSTATE\tREASON\tSCORE\tWHAT IT MEANS")
	counts := map[string]int{}
	for i := range series {
		s := &series[i]
		state, score := cmp.Or(s.State, meaning.Scored), "-"
		counts[state]++
		if s.State == "" && s.Kind == "detector" {
			score = fmt.Sprintf("%.2f", float64(s.Score))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Source, subject(s), state, cmp.Or(s.Reason, "-"), score, says(s))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	parts := []string{fmt.Sprintf("%d series", len(series))}
	for _, state := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
	}
	_, err := fmt.Fprintf(w, "\n%s\n", strings.Join(parts, ", "))
	return err
}

// subject returns the labels that the series is about.
func subject(s *view.Series) string {
	b := labels.NewBuilder(labels.FromMap(s.Labels)).Del("detector", "scaler", "metric_name")
	return s.Labels["metric_name"] + b.Labels().String()
}

// says is what is to be known of a series: its value and what is usual, or why it has no score and what to do.
func says(s *view.Series) string {
	value := func(v view.Number) string { return humanize.Quantity(float64(v), s.Unit) }
	switch {
	case s.Learning != nil:
		return s.Remedy + ": " + s.Learning.String()
	case s.State != "":
		return s.Remedy
	case s.Kind == "scaler":
		return s.Sentence
	case len(s.Inputs) > 0:
		var all []string
		for _, in := range s.Inputs {
			all = append(all, in.Name+" "+value(in.Value))
		}
		return strings.Join(all, ", ")
	}
	seen, usual := humanize.Beside(float64(s.Value), float64(s.Lower), float64(s.Upper), s.Unit)
	if s.Stuck() {
		seen = "stuck at " + seen
	}
	return seen + "; usual " + usual
}
