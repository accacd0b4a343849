package ui

import (
	"errors"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/detector/result/humanize"
	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/spark"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// shownSiblings is how many members of a pool are listed. Guard: nobody reads more.
	shownSiblings = 20
	// shownMoments is how many values of the past are listed for those who see no chart. Guard: nobody reads more.
	shownMoments = 24
)

// seriesPage is what the page of a series shows.
type seriesPage struct {
	*view.Series
	moment
	Context           string // command that tells what else moved then
	Forecast          *view.Forecast
	Moved, Calm       []view.Series
	Siblings          []sibling // and the series itself, the first
	Members           int       // siblings in all
	Straight          *straightLine
	Detector          *view.Detector // how right it has been lately
	Known             *known
	Scored, Forecasts string
	Past              []view.Moment // the newest first
	Zooms, Overlays   []link
	Happened          *happened
	Links             links.Links
	Data              string
	Feedback          *feedback
}

// series shows one series, now or as it was at a time.
func (u *UI) series(w http.ResponseWriter, r *http.Request) {
	s := u.find(w, r)
	if s == nil {
		return
	}
	if s.OfLoad() {
		http.Redirect(w, r, u.o.Prefix+s.Path, http.StatusFound)
		return
	}
	query := r.URL.Query()
	zooms, over := u.zooms(s, query, defaultSeriesRange)
	v, m, err := u.moment(r, s, over)
	if err != nil {
		u.missing(w, status(err), err.Error(), []view.Series{*s})
		return
	}
	page := seriesPage{moment: m, Zooms: zooms}
	var chosen []string
	page.Overlays, chosen = chosenOverlays(query)
	var siblings []view.Series
	now := s
	v.Settle(r.Context(), func() {
		if m.Then {
			was := v.Was(now)
			was.Gone = now.Gone
			s = &was
		}
		if !m.Then || m.Ended != nil { // else only its pool was replayed: others are not known
			page.Moved, page.Calm = u.o.View.Others(now)
		}
		if m.Ended != nil { // what has come in its place
			same, _ := u.o.View.Siblings(now, shownSiblings)
			page.Calm = append(same, page.Calm...)
		}
		siblings, page.Members = v.Siblings(s, shownSiblings)
	})
	page.Series, page.At = s, s.Step.Format(localTime)
	from := s.Step.Add(-over)
	if m.Then {
		from, page.Context = m.until.Add(-over), contextCommand(s.Labels, s.Step.Format(time.RFC3339))
	}
	page.Data = u.data(s, "series", from, m.until, earlier(chosen))
	page.Happened = u.happened(r.Context(), s, chosen, from, s.Step)
	page.Siblings = multiples(s, siblings)
	page.Forecast = v.Forecast(s)
	page.Straight = newStraightLine(s, page.Forecast, func(t time.Time) string { return humanize.Clock(t, u.o.Now()) })
	page.Detector, page.Known = u.o.View.DetectorOf(s), u.known(s)
	page.Scored, page.Forecasts = v.Models(s)
	page.Past = s.Moments(over, shownMoments)
	slices.Reverse(page.Past)
	page.Links = u.links(s, page.Forecast, m.over(over))
	page.Feedback = u.feedbackOn(r, s)
	u.show(w, http.StatusOK, "series", s.Title(), page)
}

// sibling is a member of a pool, with its values on the scale of all members that are shown.
type sibling struct {
	view.Series
	Self  bool
	Spark template.HTML
}

// multiples returns a series and its siblings, to be compared; nil: it has none.
func multiples(s *view.Series, others []view.Series) []sibling {
	if len(others) == 0 {
		return nil
	}
	members := []sibling{{Series: *s, Self: true}}
	for i := range others {
		members = append(members, sibling{Series: others[i]})
	}
	curves := make([][]float64, len(members))
	low, high := math.Inf(1), math.Inf(-1)
	for i := range members {
		curves[i] = members[i].Recent(spark.While, spark.Points)
		l, h, _ := spark.Extent(curves[i])
		low, high = min(low, l), max(high, h)
	}
	for i := range members {
		members[i].Spark = spark.Curve(curves[i], low, high)
	}
	return members
}

// contextCommand returns the command that describes the incident of a past time, of all in the namespace of a series.
func contextCommand(labels map[string]string, at string) string {
	command := "anomaly-exporter context --config.file=FILE --at=" + at
	if place := place(labels); len(place) > 0 {
		command += " --match=" + shellQuote(Selector(place))
	}
	return command
}

// shellQuote returns a word of a shell.
func shellQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// status is that of an answer that an error is the reason of.
func status(err error) int {
	switch bad := (view.Invalid{}); {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, past.ErrBusy):
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

// without returns a query without a parameter.
func without(query url.Values, name string) url.Values {
	changed := url.Values{}
	for key, values := range query {
		if key != name {
			changed[key] = values
		}
	}
	return changed
}
