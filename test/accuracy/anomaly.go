package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/scorer"
	"github.com/anomaly-exporter/anomaly-exporter/scorer/onset"
)

// How the detector calls the package: its defaults. History is longer unless --history says so.
const (
	minHistory    = 24 * time.Hour
	refitInterval = 6 * time.Hour
	fineHistory   = 48 * time.Hour // at steps under 5 minutes, all that is kept at full resolution
	shortGap      = 3              // steps

	// Return periods are written as log10(R / 5m) / 10, because the evaluation takes scores of up to 1. A bar of W weeks
	// is a threshold of log10(2016 W) / 10.
	periodDecades = 10
)

// runAnomaly replays every series of a folder as the detector would score it, and writes a folder of scores.
func runAnomaly(args []string) error {
	flags := flag.NewFlagSet("anomaly", flag.ContinueOnError)
	data := flags.String("data", "", "folder of series: <id>.csv (timestamp,value) and labels.json")
	out := flags.String("out", "", "folder for the scores: score/<id>.csv, onset/<id>.csv and period/<id>.csv")
	model := flags.String("model", "auto", "model of the scorer")
	history := flags.Duration("history", 28*24*time.Hour, "length of the windows")
	only := flags.String("only", "", "replay only series whose id contains this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *data == "" || *out == "" {
		return errors.New("--data and --out are needed")
	}
	steps, err := readSteps(filepath.Join(*data, "labels.json"))
	if err != nil {
		return err
	}
	var ids []string
	for id := range steps {
		if strings.Contains(id, *only) {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return steps[ids[i]] < steps[ids[j]] })
	for _, dir := range []string{"score", "onset", "period"} {
		if err := os.MkdirAll(filepath.Join(*out, dir), 0o755); err != nil {
			return err
		}
	}
	var (
		work = make(chan string)
		errs = make([]error, runtime.GOMAXPROCS(0))
		wg   sync.WaitGroup
	)
	for w := range errs {
		wg.Go(func() {
			for id := range work {
				if err := replayFile(*data, *out, id, steps[id], *history, *model); err != nil {
					errs[w] = errors.Join(errs[w], fmt.Errorf("%s: %w", id, err))
				}
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

func readSteps(path string) (map[string]time.Duration, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var labels struct {
		Series map[string]struct {
			Step float64 `json:"step_seconds"`
		}
	}
	if err := json.Unmarshal(b, &labels); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	steps := make(map[string]time.Duration)
	for id, s := range labels.Series {
		steps[id] = time.Duration(s.Step * float64(time.Second))
	}
	return steps, nil
}

func replayFile(data, out, id string, step, history time.Duration, model string) error {
	start, y, err := readGrid(filepath.Join(data, id+".csv"), step.Milliseconds())
	if err != nil {
		return err
	}
	h := fnv.New64a()
	h.Write([]byte(id))
	scores, err := replay(scorer.Options{
		Model: model, Step: step, Contamination: 0.05, ExplainThreshold: 0.6, Seed: h.Sum64(),
	}, history, start, y)
	if err != nil {
		return err
	}
	onsets := onset.New(step)
	values, lowered, periods := make([]float64, len(scores)), make([]float64, len(scores)), make([]float64, len(scores))
	for i, s := range scores {
		values[i], lowered[i] = s.Value, onsets.Next(s.Value)
		periods[i] = math.Log10(s.ReturnPeriod/300) / periodDecades
	}
	return errors.Join(
		writeScores(filepath.Join(out, "score", id+".csv"), start, step.Milliseconds(), values),
		writeScores(filepath.Join(out, "onset", id+".csv"), start, step.Milliseconds(), lowered),
		writeScores(filepath.Join(out, "period", id+".csv"), start, step.Milliseconds(), periods),
	)
}

// readGrid puts the samples of a file on the grid of step (ms): each on the first grid point at or after it.
func readGrid(path string, step int64) (start int64, y []float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return 0, nil, err
	}
	for _, row := range rows[1:] {
		t, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			return 0, nil, err
		}
		v, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return 0, nil, err
		}
		slot := (t*1000 + step - 1) / step * step
		if y == nil {
			start = slot
		}
		for int64(len(y)) <= (slot-start)/step {
			y = append(y, math.NaN())
		}
		y[(slot-start)/step] = v
	}
	return start, y, nil
}

// replay scores y step by step, with a fit at every refit slot.
func replay(o scorer.Options, history time.Duration, start int64, y []float64) ([]scorer.Score, error) {
	step := o.Step.Milliseconds()
	offset := int64(o.Seed%uint64(refitInterval/o.Step)) * step
	scores := make([]scorer.Score, len(y))
	var m *scorer.Model
	for i := range y {
		t := start + int64(i)*step
		if (t-offset)%refitInterval.Milliseconds() == 0 && int64(i)*step >= minHistory.Milliseconds() {
			first := max(0, i-int(history/o.Step))
			w, learn := trainingWindow(y[first:i], start+int64(first)*step, step)
			fitted, err := scorer.Fit(o, start+int64(first)*step, w, learn)
			switch {
			case errors.Is(err, scorer.ErrShortHistory), errors.Is(err, scorer.ErrGaps), errors.Is(err, scorer.ErrConstant):
			case err != nil:
				return nil, err
			default:
				m = fitted
			}
		}
		scores[i] = scorer.Score{Value: math.NaN(), ReturnPeriod: math.NaN()}
		if m != nil {
			scores[i] = m.Score(y[i], true)
		}
	}
	return scores, nil
}

// trainingWindow is what a fit after the values y gets to see: thinned where it is old, short gaps filled.
func trainingWindow(y []float64, start, step int64) ([]float64, []bool) {
	w, learn := make([]float64, len(y)), make([]bool, len(y))
	fine := len(y) - int(fineHistory.Milliseconds()/step)
	for i, v := range y {
		if i < fine && step < 300_000 && (start+int64(i)*step)%300_000 != 0 {
			v = math.NaN()
		}
		w[i], learn[i] = v, !math.IsNaN(v)
	}
	gap := max(shortGap, int(300_000/step))
	last := -1
	for i, v := range w {
		if math.IsNaN(v) {
			continue
		}
		if n := i - last; last >= 0 && n > 1 && n <= gap+1 {
			for j := 1; j < n; j++ {
				w[last+j] = w[last] + (v-w[last])*float64(j)/float64(n)
			}
		}
		last = i
	}
	return w, learn
}

func writeScores(path string, start, step int64, scores []float64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	for i, s := range scores {
		if !math.IsNaN(s) {
			fmt.Fprintf(w, "%d,%.6g\n", (start+int64(i)*step)/1000, s)
		}
	}
	return errors.Join(w.Flush(), f.Close())
}
