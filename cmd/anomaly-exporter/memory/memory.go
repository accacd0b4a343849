// Package memory bounds the memory of the program: by a limit, and by how much garbage there may be before the Go
// runtime collects it.
package memory

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
)

const (
	// percent is how much garbage there may be, as a share of what is in use. Chosen: garbage that doubles the memory, as
	// Go's default of 100 does, would make a start an eighth cheaper.
	percent = 20
	// modelBytes is what a model takes at least. Measured: 6.5 KiB, with the defaults at a step of 5m and 7 days.
	modelBytes = 6 << 10
	// pace is how often the share is set during a start. Chosen: some hundred models are fitted meanwhile.
	pace = 200 * time.Millisecond
	// live is the metric of what was in use when garbage was last collected.
	live = "/gc/heap/live:bytes"
)

// Limit sets the memory limit of the Go runtime to 90 % of that of the cgroup, which is the default of
// automemlimit. GOMEMLIMIT and AUTOMEMLIMIT=off take precedence.
func Limit(logger log.Logger) {
	limit, err := memlimit.SetGoMemLimitWithOpts(memlimit.WithRatio(0.9), memlimit.WithProvider(memlimit.FromCgroup))
	switch {
	case errors.Is(err, memlimit.ErrCgroupsNotSupported), errors.Is(err, memlimit.ErrNoCgroup), err == nil && limit == 0:
		level.Debug(logger).Log("msg", "No memory limit found in the cgroup", "err", err)
	case err != nil:
		level.Warn(logger).Log("msg", "No memory limit found in the cgroup", "err", err)
	default:
		level.Info(logger).Log("msg", "Memory limit set from the cgroup", "bytes", limit)
	}
}

// CollectEarly keeps garbage from doubling the memory of the program. The variable GOGC takes precedence.
func CollectEarly() {
	if !chosen() {
		debug.SetGCPercent(percent)
	}
}

// chosen reports whether somebody has decided for us.
func chosen() bool { return os.Getenv("GOGC") != "" }

// Pace lets garbage have the memory of the models that are not fitted yet, until ctx ends. So most of a start collects
// seldom, and its peak is still what there is at its end. unfitted returns the number of these models. The variable
// GOGC takes precedence.
func Pace(ctx context.Context, unfitted func() int) error {
	if chosen() {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	now, before := percent, 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		n := unfitted()
		if before == 0 && n > 0 {
			runtime.GC() // what was read last was in use, and is not any more
		}
		before = n
		if next := share(inUse(), n); next != now { // setting it stops the world
			debug.SetGCPercent(next)
			now = next
		}
	}
}

// inUse returns how many bytes were in use when garbage was last collected.
func inUse() uint64 {
	sample := []metrics.Sample{{Name: live}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// share returns how much garbage there may be, in percent of the bytes in use, so that all together is as much as there
// may be once the other models are there.
func share(inUse uint64, unfitted int) int {
	return percent + (100+percent)*unfitted*modelBytes/int(max(inUse, 1<<20))
}
