package backtest

import (
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/detector"
)

// day is the season of the naive forecast that others are compared with, in ms.
const day = int64(24 * time.Hour / time.Millisecond)

// forecast is a median and an interval.
type forecast struct{ median, lower, upper float64 }

// unknown is no forecast.
func unknown() forecast { return forecast{math.NaN(), math.NaN(), math.NaN()} }

func (f *forecast) set(family detector.Family, v float64) {
	switch family {
	case detector.Yhat:
		f.median = v
	case detector.YhatLower:
		f.lower = v
	case detector.YhatUpper:
		f.upper = v
	}
}

// accuracy sums up how good the forecasts of a series were at a horizon.
type accuracy struct {
	known, inside      int     // values that came, and those within the interval
	error, naive, size float64 // sums of absolute values: errors of the forecast, of the value at the same time of the newest day known, and values
	bias               float64 // sum of the errors, positive where the forecast was too high
}

// settle compares a forecast, and the value that the season would have taken, with the value that came.
func (a *accuracy) settle(p pending, v float64) {
	a.known++
	if float64(p.lower) <= v && v <= float64(p.upper) {
		a.inside++
	}
	if before := float64(p.before); !math.IsNaN(before) {
		a.error += math.Abs(v - float64(p.median))
		a.naive += math.Abs(v - before)
		a.size += math.Abs(v)
		a.bias += float64(p.median) - v
	}
}

// relative is the error relative to that of the naive forecast; NaN if nothing could be compared, or all is zero. As in what the program says of
// itself live, both are raised by a hundredth of the values, so that errors that nobody cares about do not count.
func (a *accuracy) relative() float64 {
	eps := 0.01 * a.size
	return (a.error + eps) / (a.naive + eps)
}

// outlook keeps the forecasts of a series for a horizon until their time comes.
type outlook struct {
	accuracy
	horizon, step int64
	sinceSeason   time.Duration // from the value that the naive forecast takes to the step at which it is made
	pending       []pending     // ring, by due step
}

// pending is a forecast whose time has not come. Values come to seven digits: more would be of no use.
type pending struct {
	due                          int64
	median, lower, upper, before float32
}

func newOutlook(horizon, step int64) *outlook {
	o := &outlook{
		horizon: horizon, step: step,
		sinceSeason: time.Duration((horizon+day-1)/day*day-horizon) * time.Millisecond,
		pending:     make([]pending, horizon/step+1),
	}
	for i := range o.pending {
		o.pending[i].due = math.MinInt64
	}
	return o
}

func (o *outlook) at(due int64) *pending { return &o.pending[due/o.step%int64(len(o.pending))] }

// keep takes the forecast that was made at a step, and the value that the season would take.
func (o *outlook) keep(at int64, f forecast, before float64) {
	due := at + o.horizon
	*o.at(due) = pending{due, float32(f.median), float32(f.lower), float32(f.upper), float32(before)}
}

// settle compares the forecast for a step, if there is one, with its value.
func (o *outlook) settle(at int64, v float64) {
	if p := o.at(at); p.due == at && p.median == p.median && v == v {
		o.accuracy.settle(*p, v)
	}
}

// horizonLabel is a horizon as labels have it.
func horizonLabel(ms int64) string {
	return model.Duration(time.Duration(ms) * time.Millisecond).String()
}
