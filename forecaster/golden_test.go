package forecaster_test

import (
	"encoding/csv"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

var update = flag.Bool("update", false, "write testdata/golden.csv anew")

// generated are series of many kinds, one value a step. The last day is not for fitting.
var generated = map[string]func(rng *rand.Rand, days float64) float64{
	"daily": func(rng *rand.Rand, days float64) float64 {
		return (100 + 60*dayShape(days)) * (1 + 0.05*rng.NormFloat64())
	},
	"weekends": func(rng *rand.Rand, days float64) float64 {
		return weekend(days) * (100 + 60*dayShape(days) + 4*rng.NormFloat64())
	},
	"negative": func(rng *rand.Rand, days float64) float64 { return -50 + 20*dayShape(days) + 3*rng.NormFloat64() },
	"share": func(rng *rand.Rand, days float64) float64 {
		return 1 / (1 + math.Exp(-1.5*dayShape(days)-0.3*rng.NormFloat64()))
	},
	"spikes": func(rng *rand.Rand, days float64) float64 {
		return 20 + 5*dayShape(days) + math.Exp(2*rng.NormFloat64())
	},
	"steps": func(rng *rand.Rand, days float64) float64 { return 20 + 10*math.Floor(days/1.3) + rng.NormFloat64() },
	"leak":  func(rng *rand.Rand, days float64) float64 { return 400 + 1200*max(0, days-13.75) + 6*rng.NormFloat64() },
	"rare":  func(rng *rand.Rand, _ float64) float64 { return poisson(rng, 0.03) },
	"working hours": func(rng *rand.Rand, days float64) float64 {
		return poisson(rng, 0.01+0.6*math.Floor(weekend(days)*max(0, 1.5+dayShape(days))/2))
	},
}

func dayShape(days float64) float64 {
	return math.Sin(2*math.Pi*days) + 0.3*math.Sin(6*math.Pi*days)
}

func weekend(days float64) float64 {
	if int(days)%7 >= 5 {
		return 0.5
	}
	return 1
}

// golden fits a model to a generated series, and returns what it forecasts.
func golden(t *testing.T, model, kind string, step time.Duration) []float64 {
	t.Helper()
	rng, walk := rand.New(rand.NewPCG(17, 0)), 0.0
	perDay := int(24 * time.Hour / step)
	y, learn := make([]float64, 15*perDay), make([]bool, 14*perDay)
	for i := range y {
		y[i] = generated[kind](rng, float64(i)/float64(perDay))
		if kind == "steps" { // a random walk, on which refits are rejected now and then
			walk += rng.NormFloat64()
			y[i] += walk
		}
		if (i/perDay)%6 == 2 && i%7 > 2 || i%perDay == 11 {
			y[i] = math.NaN()
		}
		if i < len(learn) {
			learn[i] = i%9 > 0
		}
	}
	o := forecaster.Options{
		Model: model, Step: step, Refit: perDay / 4, Horizons: []int{1, perDay / 8, perDay},
		Holiday: func(_ int, _ time.Month, day int) bool { return day == 12 || day == 19 },
	}
	if kind == "share" {
		o.DataRange = [2]float64{0, 1}
	}
	m := fit(t, o, y[:len(learn)], learn)
	var out []float64
	for i, v := range y[len(learn):] {
		if i%(perDay/3) == 0 {
			out = append(out, ask(m, o.Horizons)...)
		}
		m.Advance(v)
	}
	return out
}

// ask asks all kinds of questions.
func ask(m *forecaster.Model, horizons []int) (out []float64) {
	for _, h := range horizons {
		for _, p := range []float64{0.025, 0.5, 0.9} {
			out = append(out, m.Quantile(h, p))
		}
		bound := m.MaxQuantile(h, 0.9)
		steps, _ := m.TimeToBreach(bound/2, false)
		out = append(out, bound, m.BreachProbability(h, bound*1.01, true), m.BreachProbability(h, bound/2, false), steps)
	}
	return out
}

// Forecasts are what they were. Whoever changes one on purpose, such as by tuning a constant, runs
//
//	go test ./forecaster -run Golden -update
//
// and says in the commit what it does for accuracy.
func TestFit_Golden(t *testing.T) {
	t.Parallel()
	var rows [][]string
	for _, model := range append(forecaster.Models(), "arima(1,0,1)") {
		for kind := range generated {
			for _, step := range []time.Duration{5 * time.Minute, time.Hour} {
				if model != "auto" && (step < time.Hour || kind == "negative") {
					continue
				}
				rows = append(rows, []string{model, kind, step.String()})
			}
		}
	}
	slices.SortFunc(rows, slices.Compare[[]string])
	if *update {
		writeGolden(t, rows)
	}
	want := readGolden(t)
	require.Len(t, want, len(rows))
	for _, row := range rows {
		step, err := time.ParseDuration(row[2])
		require.NoError(t, err)
		got := golden(t, row[0], row[1], step)
		expected := want[[3]string(row)]
		require.Len(t, got, len(expected), row)
		for i, v := range expected {
			require.InDelta(t, v, got[i], 1e-6*math.Abs(v)+1e-9, "%v, number %d", row, i)
		}
	}
}

const goldenFile = "testdata/golden.csv"

func writeGolden(t *testing.T, rows [][]string) {
	t.Helper()
	f, err := os.Create(goldenFile)
	require.NoError(t, err)
	w := csv.NewWriter(f)
	for _, row := range rows {
		step, err := time.ParseDuration(row[2])
		require.NoError(t, err)
		line := slices.Clone(row)
		for _, v := range golden(t, row[0], row[1], step) {
			line = append(line, strconv.FormatFloat(v, 'g', 9, 64))
		}
		require.NoError(t, w.Write(line))
	}
	w.Flush()
	require.NoError(t, w.Error())
	require.NoError(t, f.Close())
}

func readGolden(t *testing.T) map[[3]string][]float64 {
	t.Helper()
	f, err := os.Open(goldenFile)
	require.NoError(t, err)
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	out := map[[3]string][]float64{}
	for _, line := range lines {
		var values []float64
		for _, text := range line[3:] {
			v, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			values = append(values, v)
		}
		out[[3]string(line[:3])] = values
	}
	return out
}
