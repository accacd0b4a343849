package replicas

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// How usage becomes a request. Numbers and ideas are those of the recommender of the Kubernetes Vertical Pod Autoscaler (release 1.5: its flags'
// defaults, and RecordOOM in pkg/recommender/model/container.go), which is built after Google's (K. Rzadca et al., "Autopilot: workload
// autoscaling at Google", EuroSys 2020, section 3.2): exponentially decaying weights and a percentile for CPU, which is throttled when it is
// short; peaks for memory, whose lack kills; a margin on both; more memory after an out-of-memory kill. Of the memory the peak of the whole
// window is taken, as Autopilot's S_max does, and not a decaying percentile of daily peaks: what is needed once a week is needed.
const (
	resourceWindow = 8 * day        // that requests are made from
	cpuQuantile    = 0.9            // of the usage, by decaying weight
	cpuHalfLife    = 24 * time.Hour // of the weight
	safetyMargin   = 0.15           // on top of what was or will be used
	oomRatio       = 1.2            // of the peak of the day before a kill, at least
	oomLeast       = 100 << 20      // bytes over that peak, at least

	perCore = 1000            // requests are multiples of a thousandth
	perByte = 1.0 / (1 << 20) // and of a MiB
)

// Usage is the usage of a container on a fixed grid, the oldest first.
type Usage struct {
	Step   time.Duration
	Values []float64 // cores or bytes; NaN where it is unknown
	Learn  []bool    // whether the value was observed; nil: all were
	OOM    []bool    // whether memory ran out; nil: never
}

// begin is the first index within the window.
func (u Usage) begin() int { return max(0, len(u.Values)-int(resourceWindow/u.Step)) }

func (u Usage) observed(i int) bool { return known(u.Values[i]) && (u.Learn == nil || u.Learn[i]) }

// peak is the largest value observed from one index up to and including another; 0 if there is none.
func (u Usage) peak(from, to int) float64 {
	most := 0.0
	for i := max(0, from); i <= to; i++ {
		if u.observed(i) {
			most = max(most, u.Values[i])
		}
	}
	return most
}

// CPURequest returns how many cores a container should request: what it uses at most in nine tenths of the time, or what it will by forecast, and
// a margin, rounded up to a thousandth. forecast is an upper quantile of the usage to come, NaN if there is none. The result is NaN if no
// usage is known.
func CPURequest(u Usage, forecast float64) float64 {
	type sample struct{ v, weight float64 }
	var samples []sample
	var total float64
	decay, last := u.Step.Seconds()/cpuHalfLife.Seconds(), len(u.Values)-1
	for i := u.begin(); i <= last; i++ {
		if u.observed(i) {
			weight := math.Exp2(-float64(last-i) * decay)
			samples = append(samples, sample{u.Values[i], weight})
			total += weight
		}
	}
	if len(samples) == 0 {
		return math.NaN()
	}
	slices.SortStableFunc(samples, func(a, b sample) int { return cmp.Compare(a.v, b.v) })
	below, used := 0.0, 0.0
	for _, s := range samples {
		used = s.v
		if below += s.weight; below >= cpuQuantile*total {
			break
		}
	}
	return request(used, forecast, perCore)
}

// MemoryRequest is how much memory a container should request. It is made from a window of usage, and then follows what happens: upwards only,
// until it is made anew.
type MemoryRequest struct {
	need float64 // bytes, without the margin; NaN if no usage is known
	peak float64 // of the last day
}

// NewMemoryRequest makes a request from a window: the peak of the usage, more if memory ran out, or what will be used by forecast. forecast is
// an upper quantile of the usage to come, NaN if there is none.
func NewMemoryRequest(u Usage, forecast float64) MemoryRequest {
	begin, last, perDay := u.begin(), len(u.Values)-1, int(day/u.Step)
	m := MemoryRequest{need: u.peak(begin, last), peak: u.peak(last-perDay, last)}
	if m.need == 0 {
		m.need = math.NaN()
	}
	if known(forecast) {
		m.need = max(m.need, forecast)
	}
	for i := begin; i < len(u.OOM); i++ {
		if u.OOM[i] {
			m.raise(afterOOM(u.peak(i-perDay, i)))
		}
	}
	return m
}

// Observe takes a step after the window: the usage, NaN if it is unknown, and whether memory ran out.
func (m *MemoryRequest) Observe(used float64, oom bool) {
	if known(used) {
		m.peak = max(m.peak, used)
		m.raise(used)
	}
	if oom {
		m.raise(afterOOM(m.peak))
	}
}

// Bytes is the request with its margin, rounded up to a MiB; NaN if no usage is known.
func (m *MemoryRequest) Bytes() float64 { return request(m.need, math.NaN(), perByte) }

func (m *MemoryRequest) raise(need float64) {
	if need > m.need || math.IsNaN(m.need) && need > 0 {
		m.need = need
	}
}

// afterOOM is what would have been needed, as far as one can tell, where memory ran out: the usage never shows it.
func afterOOM(peak float64) float64 {
	if peak == 0 {
		return 0
	}
	return max(oomRatio*peak, peak+oomLeast)
}

// request adds the margin to what was used, or will be, and rounds up to whole units, of which the unit of the usage has so many.
func request(used, forecast, units float64) float64 {
	if forecast > used {
		used = forecast
	}
	return math.Ceil(used*(1+safetyMargin)*units-1e-6) / units
}
