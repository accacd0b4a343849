package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

const (
	// maxForm is the largest form in bytes. Guard: the largest verdict takes less.
	maxForm = 16 << 10
	// maxVerdicts is how many verdicts a page shows. Chosen, not tuned.
	maxVerdicts = 200
	// formerly is where the form begins if nothing is anomalous now. Chosen, not tuned.
	formerly = time.Hour
)

// feedback is what a page shows of verdicts.
type feedback struct {
	Verdicts []verdict.Verdict // the newest first
	Total    int
	pages    // through all of them
	Invalid  []verdict.LineError
	Closed   string // why the reader cannot give feedback; "": they can
	Known    bool   // who asks
	Form     *form  // nil: the page is not about a series
	Action   string // where forms are sent
	Back     string // query of the page to return to; "": the page of all verdicts
}

// form is what the form of a series begins with.
type form struct{ Series, From, To string }

// localTime is how browsers write the value of an input of type datetime-local.
const localTime = "2006-01-02T15:04"

// feedback returns what is shown of the verdicts that match, those of the page that a query asks for; nil if people
// cannot say anything.
func (u *UI) feedback(r *http.Request, query url.Values, matches func(*verdict.Verdict) bool) *feedback {
	if u.o.Verdicts == nil {
		return nil
	}
	set, f := u.o.Verdicts.Set(), &feedback{Action: u.o.Prefix + "/feedback"}
	for _, v := range slices.Backward(set.All()) {
		if matches(&v) {
			f.Verdicts = append(f.Verdicts, v)
		}
	}
	f.Total, f.pages = len(f.Verdicts), newPages(query, len(f.Verdicts), maxVerdicts)
	f.Verdicts = f.Verdicts[f.From-1 : f.To]
	f.Invalid = set.Invalid[:min(len(set.Invalid), maxVerdicts)]
	who, err := u.o.Author(r)
	if f.Known = who != ""; err != nil {
		f.Closed = err.Error()
	}
	return f
}

// feedbackOn returns what is shown of verdicts on the page of a series; nil if people cannot say anything about it.
func (u *UI) feedbackOn(r *http.Request, s *view.Series) *feedback {
	if s.Kind != "detector" {
		return nil
	}
	f := u.feedback(r, nil, func(v *verdict.Verdict) bool {
		return v.Matches(func(name string) string { return s.Labels[name] })
	})
	if f == nil {
		return nil
	}
	from, to := period(s)
	f.Form = &form{u.o.View.Identity(s).String(), from.Format(localTime), to.Format(localTime)}
	f.Back = r.URL.Query().Encode()
	return f
}

// allFeedback shows all verdicts, and takes new ones.
func (u *UI) allFeedback(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		f := u.feedback(r, r.URL.Query(), func(*verdict.Verdict) bool { return true })
		u.show(w, http.StatusOK, "feedback", "Feedback", f)
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if status, err := u.take(r); err != nil {
			u.missing(w, status, err.Error(), nil)
			return
		}
		path := u.o.Prefix + "/feedback"
		if back, err := url.ParseQuery(r.PostFormValue("back")); err == nil && len(back) > 0 {
			path = u.o.Prefix + "/series?" + back.Encode()
		}
		http.Redirect(w, r, path, http.StatusSeeOther)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		u.missing(w, http.StatusMethodNotAllowed, "Only GET and POST requests allowed", nil)
	}
}

// take appends what a form says to the file.
func (u *UI) take(r *http.Request) (status int, err error) {
	who, err := u.o.Author(r)
	if err != nil {
		return http.StatusForbidden, err
	}
	if err := r.ParseForm(); err != nil {
		return http.StatusBadRequest, err
	}
	value := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	v := verdict.Verdict{Kind: verdict.Kind(value("verdict")), Who: who, Comment: value("comment")}
	if who == "" {
		v.Who = value("who")
	}
	if v.Series, err = verdict.ParseSeries(value("series")); err == nil {
		v.From, err = parseTime("from", value("from"))
	}
	if err == nil {
		v.To, err = parseTime("to", value("to"))
	}
	if err == nil {
		err = v.Check()
	}
	if err != nil {
		return http.StatusBadRequest, err
	}
	return http.StatusInternalServerError, u.o.Verdicts.Append(v)
}

// parseTime parses what a browser sends, in UTC, or a time in RFC 3339.
func parseTime(name, text string) (time.Time, error) {
	for _, layout := range []string{localTime, "2006-01-02T15:04:05", time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is not a time such as 2026-11-28T16:24", name, text)
}
