package config

import (
	"fmt"
	"regexp"
	"time"

	"github.com/prometheus/common/model"
)

// Forecaster says how, and how far, to look into the future.
type Forecaster struct {
	Model          string           `yaml:"model"`
	Horizons       []model.Duration `yaml:"horizons,omitempty,flow"` // ascending multiples of the step; nil: only what is expected now
	Level          float64          `yaml:"level"`                   // of the interval between lower and upper
	MaxProbability float64          `yaml:"max_probability"`         // with which the maximum stays below forecast_max
}

func defaultForecaster() Forecaster {
	return Forecaster{Model: "auto", Level: 0.8, MaxProbability: 0.9}
}

// defaultHorizons are those that suit step and history.
func defaultHorizons(g Global) []model.Duration {
	var horizons []model.Duration
	for _, h := range []time.Duration{15 * time.Minute, time.Hour, 6 * time.Hour} {
		if d := model.Duration(h); d%g.Step == 0 && d <= g.History {
			horizons = append(horizons, d)
		}
	}
	return horizons
}

// arimaModel names an ARIMA model by its orders.
var arimaModel = regexp.MustCompile(`^arima\([0-5],[0-2],[0-5]\)$`)

func (f *Forecaster) check(s *section, g Global) {
	if !arimaModel.MatchString(f.Model) {
		s.oneOf("forecaster.model", f.Model, "auto", "seasonal_naive", "drift", "mean", "ses", "holt",
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
		s.require(i == 0 || h > f.Horizons[i-1], key, "%s does not come after %s", h, f.Horizons[max(0, i-1)])
	}
}
