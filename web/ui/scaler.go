package ui

import (
	"net/http"

	"github.com/anomaly-exporter/anomaly-exporter/web/past"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// shownChanges is how many changes of a recommendation are listed. Guard: nobody reads more.
const shownChanges = 50

// scalerPage is what the page of a scaler shows.
type scalerPage struct {
	view.Recommendation
	moment
	History         *past.ScalerHistory
	Changes         []past.Change
	More            int // changes
	Problem         string
	Bounds          [2]int
	Zooms, Overlays []link
	Happened        *happened
	Forecasts       string // what forecasts the load; "": nothing
	Links           links.Links
	Data            string
}

// scaler shows the load of a scaler, what is recommended for it, and what else could have run, now or as of a time. The
// tables come with the page; the charts get the same history from the API, which remembers it.
func (u *UI) scaler(w http.ResponseWriter, r *http.Request) {
	s := u.find(w, r)
	if s == nil {
		return
	}
	if !s.OfLoad() {
		http.Redirect(w, r, u.o.Prefix+s.Path, http.StatusFound)
		return
	}
	query := r.URL.Query()
	zooms, over := u.zooms(s, query, defaultScalerRange)
	v, m, err := u.moment(r, s, view.ScalerBack)
	if err != nil {
		u.missing(w, status(err), err.Error(), []view.Series{*s})
		return
	}
	page := scalerPage{moment: m, Bounds: u.o.View.Bounds(s), Zooms: zooms}
	if m.Then {
		was := v.Was(s)
		was.Gone = s.Gone
		s = &was
	}
	page.Recommendation, page.At = v.Recommendation(s), s.Step.Format(localTime)
	_, page.Forecasts = v.Models(s)
	var chosen []string
	page.Overlays, chosen = chosenOverlays(query)
	from := s.Step.Add(-over)
	page.Links = u.links(s, nil, m.over(over))
	page.Data = u.data(s, "recommendations", from, m.until, earlier(chosen))
	page.Happened = u.happened(r.Context(), s, chosen, from, s.Step)
	if s.State == "" {
		history, err := u.o.View.ScalerHistory(r.Context(), &page.Recommendation, from, m.until)
		if err != nil {
			page.Problem = err.Error()
		} else {
			page.History, page.Changes = history, history.Changes()
			page.More = max(0, len(page.Changes)-shownChanges)
			page.Changes = page.Changes[:len(page.Changes)-page.More]
		}
	}
	u.show(w, http.StatusOK, "scaler", s.Title(), page)
}
