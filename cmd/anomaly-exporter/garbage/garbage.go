// Package garbage decides how much garbage the program may have before the Go runtime collects it.
package garbage

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
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

// Limit keeps garbage from doubling the memory of the program. The variable GOGC takes precedence.
func Limit() {
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
