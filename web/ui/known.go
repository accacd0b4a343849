package ui

import (
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/anomaly-exporter/anomaly-exporter/verdict"
	"github.com/anomaly-exporter/anomaly-exporter/web/ui/links"
	"github.com/anomaly-exporter/anomaly-exporter/web/view"
)

// known are texts to copy for somebody who already knows the cause of an anomaly. The page itself changes nothing.
type known struct {
	From, To            time.Time
	Rejected, Confirmed string // lines of a feedback file
	Silence             string // command
	File                string // address of what a feedback file is
}

// known returns what to copy for the anomaly of a series.
func (u *UI) known(s *view.Series) *known {
	if s.Kind != "detector" {
		return nil
	}
	k := &known{File: links.Documents + "feedback.md#the-file"}
	k.From, k.To = period(s)
	identity := u.o.View.Identity(s)
	line := func(kind verdict.Kind) string {
		v := verdict.Verdict{Series: identity, From: k.From, To: k.To, Kind: kind}
		return v.Line()
	}
	k.Rejected, k.Confirmed = line(verdict.Rejected), line(verdict.Confirmed)
	k.Silence = "amtool silence add --duration=2h --comment='known'"
	identity.Range(func(l labels.Label) {
		k.Silence += " " + shellQuote(l.Name+"="+strconv.Quote(l.Value))
	})
	return k
}

// period returns from when until when the newest anomaly of a series has lasted, in whole minutes between which all its
// steps lie; if there is none, the last while.
func period(s *view.Series) (from, to time.Time) {
	from = s.Step.Add(-formerly)
	if s.Since != nil {
		from = *s.Since
	}
	return from.Truncate(time.Minute), s.Step.Add(time.Minute - 1).Truncate(time.Minute)
}
