package main

import (
	"bufio"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anomaly-exporter/anomaly-exporter/forecaster"
)

// A forecastTask asks for the values after an origin, given those from trainStart up to it.
type forecastTask struct {
	series             string
	origin, trainStart int64 // unix seconds
	step               int64 // seconds
	steps              int
	horizons           []int
}

// A forecastAnswer is what is written for a task.
type forecastAnswer struct {
	rows     []byte // of the forecasts file
	capacity []byte // of the capacity file
	points   int
	took     time.Duration
}

// What forecasts are asked for: the median, and the bounds of the 80 % and the 95 % interval.
var forecastQuantiles = []float64{0.5, 0.1, 0.9, 0.025, 0.975}

var capacityQuantiles = []float64{0.5, 0.9, 0.95}

// runForecast forecasts every task of DIR/tasks.csv as the detector would: from the values of the task's own window,
// short gaps interpolated, and what is older than two days reduced to five minutes at shorter steps.
func runForecast(args []string) error {
	flags := flag.NewFlagSet("forecast", flag.ContinueOnError)
	data := flags.String("data", "", "folder with tasks.csv and a CSV file for each series")
	out := flags.String("out", "forecasts.csv", "file of forecasts to write")
	capacity := flags.String("capacity", "", "file of capacities to write")
	model := flags.String("model", "", "model to fit, auto if empty; or predict_linear, for comparison")
	full := flags.Bool("full", false, "keep every step of the whole window")
	corpus := flags.String("corpus", "", "only the tasks of this corpus")
	if err := flags.Parse(args); err != nil {
		return err
	}
	tasks, err := readForecastTasks(filepath.Join(*data, "tasks.csv"), *corpus)
	if err != nil {
		return err
	}
	answers, err := forecastAll(*data, *model, *full, tasks)
	if err != nil {
		return err
	}
	rows := func(a forecastAnswer) []byte { return a.rows }
	if err := writeAnswers(*out, "series_id,origin,step,yhat,lo80,hi80,lo95,hi95\n", answers, rows); err != nil {
		return err
	}
	if *capacity != "" {
		capacities := func(a forecastAnswer) []byte { return a.capacity }
		if err := writeAnswers(*capacity, "series_id,origin,q50,q90,q95\n", answers, capacities); err != nil {
			return err
		}
	}
	reportFits(os.Stdout, answers)
	return nil
}

func readForecastTasks(path, corpus string) ([]forecastTask, error) {
	rows, err := readCSVFile(path)
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var tasks []forecastTask
	for _, row := range rows[1:] {
		if corpus != "" && row[column["corpus"]] != corpus {
			continue
		}
		t := forecastTask{series: row[column["series_id"]]}
		fields := map[string]*int64{"origin": &t.origin, "train_start": &t.trainStart, "step_seconds": &t.step}
		for name, field := range fields {
			if *field, err = strconv.ParseInt(row[column[name]], 10, 64); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, name, err)
			}
		}
		if t.steps, err = strconv.Atoi(row[column["steps"]]); err != nil {
			return nil, fmt.Errorf("%s: steps: %w", path, err)
		}
		for x := range strings.SplitSeq(row[column["horizons"]], ";") {
			_, text, _ := strings.Cut(x, ":")
			h, err := strconv.Atoi(text)
			if err != nil {
				return nil, fmt.Errorf("%s: horizons: %w", path, err)
			}
			t.horizons = append(t.horizons, h)
		}
		tasks = append(tasks, t)
	}
	return tasks, nil
}

func readCSVFile(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err == nil && len(rows) == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// forecastAll answers the tasks on all cores; a series is read once, as its tasks follow each other.
func forecastAll(dir, model string, full bool, tasks []forecastTask) ([]forecastAnswer, error) {
	answers := make([]forecastAnswer, len(tasks))
	errs := make([]error, len(tasks))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for first := range next {
				series, err := readForecastSeries(filepath.Join(dir, tasks[first].series+".csv"))
				for i := first; i < len(tasks) && tasks[i].series == tasks[first].series; i++ {
					if errs[i] = err; err == nil {
						answers[i], errs[i] = answerForecast(model, full, tasks[i], series)
					}
				}
			}
		})
	}
	for i := range tasks {
		if i == 0 || tasks[i].series != tasks[i-1].series {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("series %s, origin %d: %w", tasks[i].series, tasks[i].origin, err)
		}
	}
	return answers, nil
}

// readForecastSeries returns the values of a series by unix seconds.
func readForecastSeries(path string) (map[int64]float64, error) {
	rows, err := readCSVFile(path)
	if err != nil {
		return nil, err
	}
	values := make(map[int64]float64, len(rows))
	for _, row := range rows[1:] {
		t, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if values[t], err = strconv.ParseFloat(row[1], 64); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return values, nil
}

func answerForecast(model string, full bool, t forecastTask, series map[int64]float64) (a forecastAnswer, err error) {
	y, learn := forecastWindow(t, series, full)
	if model == predictLinear {
		return answerLinear(t, y), nil
	}
	o := forecaster.Options{
		Model: model, Step: time.Duration(t.step) * time.Second, Horizons: t.horizons,
		Refit: max(1, int(refitSeconds/t.step)),
	}
	began := time.Now()
	m, err := forecaster.Fit(o, t.trainStart*1000, y, learn)
	if err != nil {
		return a, err
	}
	a.took, a.points = time.Since(began), len(y)
	for h := 1; h <= t.steps; h++ {
		a.rows = fmt.Appendf(a.rows, "%s,%d,%d", t.series, t.origin, h)
		for _, p := range forecastQuantiles {
			a.rows = fmt.Appendf(a.rows, ",%.9g", m.Quantile(h, p))
		}
		a.rows = append(a.rows, '\n')
	}
	a.capacity = fmt.Appendf(a.capacity, "%s,%d", t.series, t.origin)
	for _, p := range capacityQuantiles {
		a.capacity = fmt.Appendf(a.capacity, ",%.9g", m.MaxQuantile(t.horizons[0], p))
	}
	a.capacity = append(a.capacity, '\n')
	return a, nil
}

// predictLinear is what people write in PromQL, predict_linear(x[1h], ...): the least-squares line through the values
// of the last hour, at least four. It knows no interval.
const predictLinear = "predict_linear"

func answerLinear(t forecastTask, y []float64) (a forecastAnswer) {
	var n, sumX, sumY, sumXX, sumXY float64
	for i := len(y) - 1; i >= 0 && (n < 4 || int64(len(y)-1-i)*t.step <= 3600); i-- {
		if x := float64(i - len(y) + 1); !math.IsNaN(y[i]) {
			n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y[i], sumXX+x*x, sumXY+x*y[i]
		}
	}
	slope := 0.0
	if d := n*sumXX - sumX*sumX; d > 0 {
		slope = (n*sumXY - sumX*sumY) / d
	}
	for h := 1; h <= t.steps; h++ {
		a.rows = fmt.Appendf(a.rows, "%s,%d,%d,%.9g,,,,\n", t.series, t.origin, h, (sumY-slope*sumX)/n+slope*float64(h))
	}
	return a
}

// Retention of the detector's history: older values are kept every coarseStep seconds only; gaps of up to longestGap
// steps are interpolated.
const (
	fineSeconds = 2 * 24 * 60 * 60
	coarseStep  = 5 * 60
	longestGap  = 3

	refitSeconds = 6 * 60 * 60 // between two fits of a model
)

// forecastWindow lays the values from the start of training to the origin on the grid, as the detector's history
// keeps them.
func forecastWindow(t forecastTask, series map[int64]float64, full bool) (y []float64, learn []bool) {
	n := int((t.origin-t.trainStart)/t.step) + 1
	y, learn = make([]float64, n), make([]bool, n)
	gap := make([]int, n) // longest gap to interpolate across, by where it ends
	for i := range y {
		at := t.trainStart + int64(i)*t.step
		y[i], gap[i] = math.NaN(), longestGap
		thinned := !full && t.step < coarseStep && at < t.origin-fineSeconds
		if thinned {
			gap[i] = (longestGap+1)*int(coarseStep/t.step) - 1
		}
		if v, ok := series[at]; ok && (!thinned || at%coarseStep == 0) {
			y[i], learn[i] = v, true
		}
	}
	last := -1
	for i := range y {
		if !learn[i] {
			continue
		}
		if last >= 0 && i-last-1 <= max(gap[i], gap[i-1]) {
			for k := last + 1; k < i; k++ {
				y[k] = y[last] + (y[i]-y[last])*float64(k-last)/float64(i-last)
			}
		}
		last = i
	}
	return y, learn
}

func writeAnswers(path, header string, answers []forecastAnswer, part func(forecastAnswer) []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	w.WriteString(header)
	for _, a := range answers {
		w.Write(part(a))
	}
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// reportFits prints how long fits took.
func reportFits(w io.Writer, answers []forecastAnswer) {
	byPoints := map[int][]time.Duration{}
	var total time.Duration
	for _, a := range answers {
		total += a.took
		size := 1000
		for size < a.points {
			size *= 2
		}
		byPoints[size] = append(byPoints[size], a.took)
	}
	fmt.Fprintf(w, "%d fits, %.6f s per fit\n", len(answers), total.Seconds()/float64(max(1, len(answers))))
	for _, size := range slices.Sorted(maps.Keys(byPoints)) {
		took := byPoints[size]
		slices.Sort(took)
		fmt.Fprintf(w, "  up to %6d points: %4d fits, median %.6f s, longest %.6f s\n",
			size, len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
}
