package ui

import (
	"net/http"
	"net/url"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// moment is the time that a page of a series is about.
type moment struct {
	Then  bool       // as of a past time
	Ended *time.Time // when the series had its last value; nil: it has one now
	Now   string     // address of the page as of now; of a series that is gone, as of its end
	Asked url.Values // what else the address has
	At    string     // the time, for an input
	Given bool       // the address has a time

	until time.Time // zero: now
}

// moment returns what a request says of the time, and the view of the series as of then, if that is the past: of the
// newest step in the time back before it.
func (u *UI) moment(r *http.Request, s *view.Series, back time.Duration) (v *view.View, m moment, err error) {
	query := r.URL.Query()
	m = moment{Ended: s.Gone, Asked: without(query, "at")}
	m.Now = "?" + m.Asked.Encode()
	text := query.Get("at")
	if text != "" {
		if m.until, err = parseTime("at", text); err != nil {
			return nil, m, view.Invalidf("%w", err)
		}
	}
	switch {
	case s.Gone != nil:
		m.Given = text != "" && m.until.Before(*s.Gone)
		if !m.Given {
			m.until = *s.Gone
		}
	case text == "" || !m.until.Before(s.Step):
		m.until = time.Time{}
		return u.o.View, m, nil
	default:
		m.Given = true
	}
	m.Then = true
	v, err = u.o.View.At(r.Context(), s, m.until.Add(-back), m.until)
	return v, m, err
}

// over returns the range that other servers show.
func (m *moment) over(of time.Duration) links.Range { return links.Range{Of: of, Until: m.until} }
