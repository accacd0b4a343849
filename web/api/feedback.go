package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// maxBody is the largest body of a request in bytes. Guard: the largest verdict takes less.
const maxBody = 16 << 10

// said is a verdict in a request or an answer.
type said struct {
	Series  string       `json:"series"`
	From    string       `json:"from"`
	To      string       `json:"to"`
	Verdict verdict.Kind `json:"verdict"`
	Who     string       `json:"who,omitempty"`
	Comment string       `json:"comment,omitempty"`
}

func newSaid(v *verdict.Verdict) said {
	const form = "2006-01-02T15:04:05.999Z07:00"
	return said{v.Series.String(), v.From.UTC().Format(form), v.To.UTC().Format(form), v.Kind, v.Who, v.Comment}
}

// feedback lists what people said, or takes what they say.
func (a *API) feedback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		data, err := a.listFeedback(r)
		if err != nil {
			WriteError(w, http.StatusBadRequest, "bad_data", err)
			return
		}
		writeJSON(w, http.StatusOK, response{Status: "success", Data: data})
	case http.MethodPost:
		a.takeFeedback(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		WriteError(w, http.StatusMethodNotAllowed, "bad_data", errors.New("only GET and POST requests allowed"))
	}
}

// listFeedback returns the verdicts in force that were asked for, the newest first.
func (a *API) listFeedback(r *http.Request) (any, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	set := a.o.Verdicts.Set()
	found, total := []said{}, 0
	for _, v := range slices.Backward(set.All()) {
		if !anyMatches(q.Selectors, v.Series) {
			continue
		}
		if total++; total > q.Offset && len(found) < q.Limit {
			found = append(found, newSaid(&v))
		}
	}
	invalid := make([]string, 0, len(set.Invalid))
	for _, err := range set.Invalid[:min(len(set.Invalid), q.Limit)] {
		invalid = append(invalid, err.Error())
	}
	return map[string]any{"feedback": found, "total": total, "invalid": invalid}, nil
}

// verdictsOn returns what people said about a series over the time of a query, the newest first.
func (a *API) verdictsOn(s *view.Series, q *query) (found []said, total int) {
	found = []said{}
	for _, v := range slices.Backward(a.o.Verdicts.Set().All()) {
		if v.To.Before(q.from) || !q.to.IsZero() && v.From.After(q.to) ||
			s.Kind != "detector" || !v.Matches(func(name string) string { return s.Labels[name] }) {
			continue
		}
		if total++; len(found) < q.Limit {
			found = append(found, newSaid(&v))
		}
	}
	return found, total
}

// anyMatches reports whether one of the selectors matches, or whether there is none.
func anyMatches(selectors [][]*labels.Matcher, l labels.Labels) bool {
	return len(selectors) == 0 || slices.ContainsFunc(selectors, func(matchers []*labels.Matcher) bool {
		return !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) })
	})
}

// takeFeedback appends a verdict to the file.
func (a *API) takeFeedback(w http.ResponseWriter, r *http.Request) {
	who, err := a.o.Author(r)
	if err != nil {
		WriteError(w, http.StatusForbidden, "forbidden", err)
		return
	}
	v, err := readVerdict(http.MaxBytesReader(w, r.Body, maxBody))
	if who != "" {
		v.Who = who
	}
	if err == nil {
		err = v.Check()
	}
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge):
		err = fmt.Errorf("the body is larger than %d bytes", tooLarge.Limit)
		WriteError(w, http.StatusRequestEntityTooLarge, "bad_data", err)
		return
	case err != nil:
		WriteError(w, http.StatusBadRequest, "bad_data", err)
		return
	}
	if err := a.o.Verdicts.Append(v); err != nil {
		WriteError(w, http.StatusInternalServerError, "internal", err)
		return
	}
	writeJSON(w, http.StatusOK, response{Status: "success", Data: newSaid(&v)})
}

func readVerdict(body io.Reader) (v verdict.Verdict, err error) {
	var s said
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return v, fmt.Errorf("body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return v, view.Invalidf("body: something comes after the object")
	}
	v = verdict.Verdict{Kind: s.Verdict, Who: s.Who, Comment: s.Comment}
	if v.Series, err = verdict.ParseSeries(s.Series); err != nil {
		return v, err
	}
	times := url.Values{"from": {s.From}, "to": {s.To}}
	if v.From, err = parseTime(times, "from"); err != nil {
		return v, err
	}
	v.To, err = parseTime(times, "to")
	return v, err
}
