package replicas

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// How usage becomes a request. Numbers and ideas are those of the recommender of the Kubernetes Vertical Pod Autoscaler
// (release 1.5: the defaults of its flags, and RecordOOM in pkg/recommender/model/container.go). It is built after
// Google's Autopilot (K. Rzadca et al., "Autopilot: workload autoscaling at Google", EuroSys 2020, section 3.2):
//   - CPU is throttled when it is short: it gets a percentile of the usage, with exponentially decaying weights.
//   - A lack of memory kills: it gets the peak, and more after an out-of-memory kill. The peak is that of the whole
//     window, as with Autopilot's S_max, and not a decaying percentile of daily peaks: what is needed once a week is
//     needed.
//   - Both get a margin.
const (
	resourceWindow = 8 * day        // that requests are made from
	cpuQuantile    = 0.9            // of the usage, by decaying weight
	cpuHalfLife    = 24 * time.Hour // of the weight
	safetyMargin   = 0.15           // on top of what was or will be used
	oomBumpUpRatio = 1.2            // of the peak of the day before a kill, at least
	oomMinBumpUp   = 100 << 20      // bytes over that peak, at least
)

const (
	unitsPerCore = 1000            // requests are multiples of a thousandth (protocol: Kubernetes' millicores)
	unitsPerByte = 1.0 / (1 << 20) // and of a MiB
	// unitRoundingError is how much of a unit float arithmetic may add without the request being rounded up by one. It
	// is a guard.
	unitRoundingError = 1e-6
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

func (u Usage) observed(i int) bool { return isFinite(u.Values[i]) && (u.Learn == nil || u.Learn[i]) }

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

// CPURequest returns how many cores a container should request: what it uses at most in nine tenths of the time, or its
// forecast if that is more, plus a margin, rounded up to a thousandth. forecast is an upper quantile of the usage to
// come, NaN if there is none. The result is NaN if no usage is known.
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
	return request(used, forecast, unitsPerCore)
}

// MemoryRequest is how much memory a container should request. It is made from a window of usage and then follows what
// happens. It only grows until it is made anew. The zero value is not usable: see NewMemoryRequest.
type MemoryRequest struct {
	need float64 // bytes, without the margin; NaN if no usage is known
	peak float64 // of the last day
}

// NewMemoryRequest makes a request from a window: the peak of the usage, more if memory ran out, or the forecast if
// that is more. forecast is an upper quantile of the usage to come, NaN if there is none.
func NewMemoryRequest(u Usage, forecast float64) MemoryRequest {
	begin, last, perDay := u.begin(), len(u.Values)-1, int(day/u.Step)
	m := MemoryRequest{need: u.peak(begin, last), peak: u.peak(last-perDay, last)}
	if m.need == 0 {
		m.need = math.NaN()
	}
	if isFinite(forecast) {
		m.need = max(m.need, forecast)
	}
	for i := begin; i < len(u.OOM); i++ {
		if u.OOM[i] {
			m.raise(afterOOM(u.peak(i-perDay, i)))
		}
	}
	return m
}

// Observe takes a step after the window: the usage in bytes, NaN if it is unknown, and whether memory ran out.
func (m *MemoryRequest) Observe(used float64, oom bool) {
	if isFinite(used) {
		m.peak = max(m.peak, used)
		m.raise(used)
	}
	if oom {
		m.raise(afterOOM(m.peak))
	}
}

// Bytes is the request with its margin, rounded up to a MiB; NaN if no usage is known.
func (m *MemoryRequest) Bytes() float64 { return request(m.need, math.NaN(), unitsPerByte) }

func (m *MemoryRequest) raise(need float64) {
	if need > m.need || math.IsNaN(m.need) && need > 0 {
		m.need = need
	}
}

// afterOOM estimates what would have been needed where memory ran out. The usage never shows it, because the kernel
// kills before.
func afterOOM(peak float64) float64 {
	if peak == 0 {
		return 0
	}
	return max(oomBumpUpRatio*peak, peak+oomMinBumpUp)
}

// request adds the margin to what was used, or to the forecast if that is more, and rounds up to whole units. A core or
// byte has so many units.
func request(used, forecast, units float64) float64 {
	if forecast > used {
		used = forecast
	}
	return math.Ceil(used*(1+safetyMargin)*units-unitRoundingError) / units
}
