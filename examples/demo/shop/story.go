package shop

import (
	"math"
	"time"
)

// Times of the story are in milliseconds since the anchor, the moment the demo starts.
const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	// opened is the time of the first samples.
	opened = -15 * day
	// weekdayAtAnchor is what the clocks of the shop show at the anchor, at any time of the real day: Wednesday,
	// 18:20.
	weekdayAtAnchor = 2*day + 18*hour + 20*minute
)

const mebibyte = 1 << 20

// The troubles.
const (
	// Payments was rolled out yesterday. Since then one of its pods leaks memory. It reaches its limit some two and a
	// half hours after the anchor.
	leakRollout = -29 * hour
	leakPerHour = 22 * mebibyte
	leakingSlot = 1

	// The workers begin to crash three hours before the anchor, then more and more often.
	crashEvery = minute // in the end, over all worker pods
	crashUntil = 48 * hour

	// Orders wait longer and longer for a database connection: 200 ms more within three hours.
	waitStarts = -150 * minute
	waitEnds   = waitStarts + 3*hour
	waitMore   = 0.2

	// A new version of the mobile app sends more requests to the api than older ones, many for data that is not
	// cached.
	appStarts    = -35 * minute
	appRolledOut = -5 * minute
	appRequests  = 0.7  // more requests
	appMisses    = 0.24 // decrease of the hit ratio
)

// crashes are the crashes of the workers before the anchor, in minutes. From then on there is one every crashEvery.
var crashes = []int64{
	-180,
	-140,
	-108,
	-82,
	-62,
	-48,
	-38,
	-31,
	-26,
	-22,
	-19,
	-16,
	-14,
	-12,
	-10,
	-8,
	-7,
	-6,
	-5,
	-4,
	-3,
	-2,
	-1,
}

// Trouble is a trouble of the story.
type Trouble struct {
	Name        string
	Starts      time.Duration // from the anchor
	Description string
}

// Story returns the troubles in the order in which they start.
func Story() []Trouble {
	from := func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
	return []Trouble{
		{
			"memory leak", from(leakRollout),
			"a payments pod gains 22 MiB an hour since its roll-out; its limit is two and a half hours away",
		},
		{"restarts", from(crashes[0] * minute), "the workers crash, ever more often"},
		{
			"pool wait", from(waitStarts),
			"orders wait up to 200 ms longer for a connection, far below the threshold of 500 ms",
		},
		{"cache", from(appStarts), "the api gets more requests than is usual now, while the cache hit ratio falls"},
		{
			"evening peak", from(untilNewsletter),
			"the newsletter goes out as every evening: the frontend will need more replicas than it has",
		},
	}
}

// Traffic.
const (
	// newsletterAt is when the readers of the daily newsletter begin to arrive, on the clock of the shop: a quarter
	// of an hour after the anchor. Traffic peaks half an hour later.
	newsletterAt    = 18*hour + 35*minute
	readersCome     = 30 * minute
	readersStay     = 60 * minute
	untilNewsletter = newsletterAt - weekdayAtAnchor%day
)

// visitors returns the requests per second of customers to the frontend, without noise. No two days are the same, and
// weekends are quieter.
func visitors(ms int64) float64 {
	clock := ms + weekdayAtAnchor
	days := floorDiv(clock, day)
	time := clock - days*day
	turn := 2 * math.Pi * float64(time) / float64(day)
	daytime := 280 + 170*math.Cos(turn-2*math.Pi*14.5/24) - 30*math.Cos(2*turn)
	since := time - newsletterAt
	arrived := smoothstep(float64(since) / float64(readersCome))
	readers := 480 * arrived * math.Exp(-float64(max(since-readersCome, 0))/float64(readersStay))
	level := 1 + 0.04*drift(seedDays, ms, 30*hour)
	if weekday := days - 7*floorDiv(days, 7); weekday >= 5 {
		level *= 0.85
	}
	return level * (daytime + readers)
}

// frontendRequests, apiRequests and paymentsRequests return requests per second over all pods.
func frontendRequests(ms int64) float64 {
	return visitors(ms) * (1 + 0.02*noise(seedFrontend, ms))
}

func apiRequests(ms int64) float64 {
	return 1.6 * visitors(ms) * (1 + 0.02*noise(seedAPI, ms)) * (1 + appRequests*ramp(ms, appStarts, appRolledOut))
}

func paymentsRequests(ms int64) float64 {
	return 0.06 * visitors(ms) * (1 + 0.03*noise(seedPayments, ms))
}

var (
	seedDays     = seedOf("days")
	seedFrontend = seedOf("requests", "frontend")
	seedAPI      = seedOf("requests", "api")
	seedPayments = seedOf("requests", "payments")
	seedCache    = seedOf("cache")
	seedPool     = seedOf("pool")
)

// hitRatio returns the share of look-ups that the cache can answer.
func hitRatio(ms int64) float64 {
	return 0.93 + 0.01*(visitors(ms)-280)/200 + 0.004*noise(seedCache, ms) - appMisses*ramp(ms, appStarts, appRolledOut)
}

// poolWait returns the mean time in seconds that an order waits for a database connection.
func poolWait(ms int64) float64 {
	return 0.04 + 0.025*visitors(ms)/450 + 0.004*noise(seedPool, ms) + waitMore*ramp(ms, waitStarts, waitEnds)
}

// errorRatio returns the share of requests that are answered with 500.
func errorRatio(seed uint64, ms int64) float64 {
	return 0.002 * max(1+0.3*noise(seed, ms), 0)
}

// frontendLatency, apiLatency and paymentsLatency return median latencies in seconds. That of the frontend rises
// every evening, because it has too few replicas.
func frontendLatency(ms int64) float64 {
	load := visitors(ms) / (float64(frontend.replicas) * frontendCapacity)
	return 0.08 * (1 + 0.5*load*load) * (1 + 0.02*noise(seedFrontend+7, ms))
}

func apiLatency(ms int64) float64 {
	return 0.045 * (1 + 0.6*(0.94-hitRatio(ms))) * (1 + 0.02*noise(seedAPI+7, ms))
}

func paymentsLatency(ms int64) float64 {
	return 0.16 * (1 + 0.03*noise(seedPayments+7, ms))
}
