package config

import (
	"fmt"
	"regexp"
	"time"

	"github.com/prometheus/common/model"

	"github.com/anomaly-exporter/anomaly-exporter/config/document"
)

// Forecaster says how to forecast, and how far.
type Forecaster struct {
	Model string `yaml:"model"`
	// Horizons are ascending multiples of the step. If there are none, only the value expected now is forecast.
	Horizons       []model.Duration `yaml:"horizons,omitempty,flow"`
	Level          float64          `yaml:"level"`           // share of values between lower and upper
	MaxProbability float64          `yaml:"max_probability"` // that the maximum stays below forecast_max
}

func defaultForecaster() Forecaster {
	return Forecaster{Model: "auto", Level: 0.8, MaxProbability: 0.9}
}

// defaultHorizons returns those of 15m, 1h and 6h that are multiples of the step and no longer than the history.
func defaultHorizons(g Global) []model.Duration {
	var horizons []model.Duration
	for _, h := range []time.Duration{15 * time.Minute, time.Hour, 6 * time.Hour} {
		if d := model.Duration(h); d%g.Step == 0 && d <= g.History {
			horizons = append(horizons, d)
		}
	}
	return horizons
}

// arimaModel matches an ARIMA model with its orders: those that auto.arima of R searches (Hyndman and Khandakar
// 2008).
var arimaModel = regexp.MustCompile(`^arima\([0-5],[0-2],[0-5]\)$`)

func (f *Forecaster) check(s *document.Section, g Global) {
	if !arimaModel.MatchString(f.Model) {
		s.OneOf("forecaster.model", f.Model, "auto", "seasonal_naive", "drift", "mean", "ses", "holt",
			"holt_winters", "theta", "arima", "fourier", "counts")
	}
	checkShare(s, "forecaster.level", f.Level)
	checkShare(s, "forecaster.max_probability", f.MaxProbability)
	if len(f.Horizons) == 0 {
		f.Horizons = nil
	}
	for i, h := range f.Horizons {
		key := fmt.Sprintf("forecaster.horizons[%d]", i)
		g.checkHorizon(s, key, h)
		s.Require(i == 0 || h > f.Horizons[i-1], key,
			"horizons must be ascending, but %s follows %s", h, f.Horizons[max(0, i-1)])
	}
}
