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
}

func (a *accuracy) add(f forecast, in *input, at, horizon int64) {
	v := in.at(at + horizon)
	if math.IsNaN(v) || math.IsNaN(f.median) {
		return
	}
	a.known++
	if f.lower <= v && v <= f.upper {
		a.inside++
	}
	season := (horizon + day - 1) / day * day
	if before := in.at(at + horizon - season); !math.IsNaN(before) {
		a.error += math.Abs(v - f.median)
		a.naive += math.Abs(v - before)
		a.size += math.Abs(v)
	}
}

// relative is the error relative to that of the naive forecast; NaN if nothing could be compared, or all is zero. As in what the program says of
// itself live, both are raised by a hundredth of the values, so that errors that nobody cares about do not count.
func (a *accuracy) relative() float64 {
	eps := 0.01 * a.size
	return (a.error + eps) / (a.naive + eps)
}

// horizonLabel is a horizon as labels have it.
func horizonLabel(ms int64) string {
	return model.Duration(time.Duration(ms) * time.Millisecond).String()
}
