package examples_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

const (
	// past is the length of the series.
	past = 3 * 24 * time.Hour
	// scrape is the time between two samples.
	scrape = time.Minute
)

// world generates the series.
type world struct {
	start, end time.Time
	containers []string // in the namespace shop, each with a deployment of its own
	pods       int      // of each container
	all        []servers.Series
}

// daily returns a level that varies by a third over the day, with noise of one hundredth.
func daily(level float64) func(at time.Time, r *rand.Rand) float64 {
	return func(at time.Time, r *rand.Rand) float64 {
		swing := math.Sin(2 * math.Pi * float64(at.Unix()%86400) / 86400)
		return level * (1 + 0.33*swing + 0.01*r.NormFloat64())
	}
}

// steady returns a level with noise of one hundredth.
func steady(level float64) func(at time.Time, r *rand.Rand) float64 {
	return func(_ time.Time, r *rand.Rand) float64 { return level * (1 + 0.01*r.NormFloat64()) }
}

// rare is mostly zero, and sometimes 1 or 2.
func rare(_ time.Time, r *rand.Rand) float64 { return float64(max(0, r.IntN(200)-197)) }

// gauge adds a series, given as name{label=value,...}. NaN means that there is no sample.
func (w *world) gauge(series string, value func(at time.Time, r *rand.Rand) float64) {
	seed := uint64(len(w.all))
	w.all = append(w.all, servers.Series{Labels: labelSet(series), Samples: func(yield func(int64, float64) bool) {
		r := rand.New(rand.NewPCG(1, seed))
		for at := w.start; !at.After(w.end); at = at.Add(scrape) {
			if v := value(at, r); v == v && !yield(at.UnixMilli(), v) {
				return
			}
		}
	}})
}

// counter adds a counter that increases by a rate per second.
func (w *world) counter(series string, rate func(at time.Time, r *rand.Rand) float64) {
	total := 0.0
	w.gauge(series, func(at time.Time, r *rand.Rand) float64 {
		if at.Equal(w.start) {
			total = 0
		}
		total += max(0, rate(at, r)) * scrape.Seconds()
		return total
	})
}

// firing adds an alert that has been firing for an hour.
func (w *world) firing(lset string) {
	w.gauge("ALERTS{alertstate=firing,"+lset+"}", func(at time.Time, _ *rand.Rand) float64 {
		if at.Before(w.end.Add(-time.Hour)) {
			return math.NaN()
		}
		return 1
	})
}

// constant adds a series of a constant value.
func (w *world) constant(series string, value float64) {
	w.gauge(series, func(time.Time, *rand.Rand) float64 { return value })
}

// seriesUntil returns all series that the example configurations read. They end at a time.
func seriesUntil(end time.Time) []servers.Series {
	w := &world{start: end.Add(-past), end: end, containers: []string{"checkout", "worker"}, pods: 3}
	w.addContainers()
	w.addVolume()
	w.addDeployments()
	w.addMachines()
	w.addService()
	w.addLogs()
	w.addClusters()
	w.addExporters()
	return w.all
}

// addContainers adds the metrics of kube-state-metrics and cAdvisor about containers and their pods.
func (w *world) addContainers() {
	for _, container := range w.containers {
		for i := range w.pods {
			pod := fmt.Sprintf("namespace=shop,pod=%s-%d,container=%s", container, i, container)
			state := "{job=kube-state-metrics,instance=10.0.0.9:8080,uid=u" + fmt.Sprint(i) + "," + pod
			cadvisor := fmt.Sprintf(
				"{job=kubelet,instance=node-%d:10250,node=node-%d,metrics_path=/metrics/cadvisor,image=registry/%s:1,",
				i, i, container,
			) + pod
			w.counter(
				"kube_pod_container_status_restarts_total"+state+"}",
				func(at time.Time, r *rand.Rand) float64 { return rare(at, r) / 60 },
			)
			w.constant("kube_pod_container_resource_limits"+state+",node=node-0,resource=memory,unit=byte}", 512<<20)
			w.constant("kube_pod_container_resource_limits"+state+",node=node-0,resource=cpu,unit=core}", 1)
			w.gauge("container_memory_working_set_bytes"+cadvisor+"}", daily(200<<20))
			w.counter("container_cpu_usage_seconds_total"+cadvisor+",cpu=total}", daily(0.4))
			w.counter("container_cpu_cfs_periods_total"+cadvisor+"}", steady(10))
			w.counter("container_cpu_cfs_throttled_periods_total"+cadvisor+"}", daily(1))
			// The sum over the pod, which must not be counted in addition.
			w.gauge(
				fmt.Sprintf(
					"container_memory_working_set_bytes{job=kubelet,instance=node-%d:10250,namespace=shop,pod=%s-%d}",
					i, container, i,
				),
				daily(201<<20),
			)
		}
	}
	w.firing(
		"alertname=KubePodCrashLooping,severity=warning,namespace=shop,pod=worker-0,container=worker,job=kube-state-metrics",
	)
}

// addVolume adds the metrics of a kubelet about a volume.
func (w *world) addVolume() {
	volume := "{job=kubelet,instance=node-0:10250,namespace=shop,persistentvolumeclaim=data-db-0}"
	w.constant("kubelet_volume_stats_capacity_bytes"+volume, 100<<30)
	w.gauge("kubelet_volume_stats_used_bytes"+volume, func(at time.Time, r *rand.Rand) float64 {
		return 40<<30 + at.Sub(w.start).Hours()*(100<<20) + r.Float64()*(10<<20)
	})
}

// addDeployments adds the metrics of kube-state-metrics about deployments. The first was rolled out a few minutes
// ago.
func (w *world) addDeployments() {
	for i, deployment := range w.containers {
		lset := "{job=kube-state-metrics,instance=10.0.0.9:8080,namespace=shop,deployment=" + deployment + "}"
		w.gauge("kube_deployment_status_replicas_unavailable"+lset, rare)
		w.gauge("kube_deployment_status_observed_generation"+lset, func(at time.Time, _ *rand.Rand) float64 {
			if i == 0 && at.After(w.end.Add(-10*time.Minute)) {
				return 8
			}
			return 7
		})
	}
}

// addMachines adds the metrics of node_exporter about two machines. One of them has just been rebooted.
func (w *world) addMachines() {
	for i := range 2 {
		node := fmt.Sprintf("{job=node,instance=10.0.0.%d:9100", i+1)
		for cpu := range 2 {
			core := node + fmt.Sprintf(",cpu=%d", cpu)
			w.counter("node_cpu_seconds_total"+core+",mode=idle}", daily(0.6))
			w.counter("node_cpu_seconds_total"+core+",mode=user}", daily(0.3))
		}
		boot := w.start
		if i == 1 {
			boot = w.end.Add(-5 * time.Minute)
		}
		w.constant("node_boot_time_seconds"+node+"}", float64(boot.Unix()))
		w.constant("node_memory_MemTotal_bytes"+node+"}", 16<<30)
		w.gauge("node_memory_MemAvailable_bytes"+node+"}", daily(8<<30))
		disk := node + ",device=/dev/sda1,fstype=ext4,mountpoint=/}"
		w.constant("node_filesystem_size_bytes"+disk, 100<<30)
		w.constant("node_filesystem_files"+disk, 6_553_600)
		w.gauge("node_filesystem_avail_bytes"+disk, func(at time.Time, r *rand.Rand) float64 {
			return 60<<30 - at.Sub(w.start).Hours()*(200<<20) - r.Float64()*(10<<20)
		})
		w.gauge("node_filesystem_files_free"+disk, daily(4_000_000))
		w.gauge("node_filesystem_avail_bytes"+node+",device=tmpfs,fstype=tmpfs,mountpoint=/run}", daily(1<<30))
		w.counter("node_disk_io_time_seconds_total"+node+",device=sda}", daily(0.2))
		for _, device := range []string{"eth0", "lo"} {
			card := node + ",device=" + device + "}"
			w.counter("node_network_receive_bytes_total"+card, daily(2e7))
			w.counter("node_network_transmit_bytes_total"+card, daily(1e7))
			w.counter(
				"node_network_receive_errs_total"+card,
				func(at time.Time, r *rand.Rand) float64 { return rare(at, r) / 60 },
			)
			w.counter(
				"node_network_transmit_errs_total"+card,
				func(at time.Time, r *rand.Rand) float64 { return rare(at, r) / 60 },
			)
		}
		w.counter("node_vmstat_oom_kill"+node+"}", func(at time.Time, r *rand.Rand) float64 { return rare(at, r) / 60 })
	}
}

// addService adds the metrics of client libraries about a service of two pods. writeHistogram writes its native
// histogram.
func (w *world) addService() {
	for i := range 2 {
		pod := fmt.Sprintf("{job=checkout,instance=10.0.1.%d:8080,namespace=shop,pod=checkout-%d,service=checkout", i, i)
		w.counter("http_requests_total"+pod+",code=200,method=get}", daily(150))
		w.counter("http_requests_total"+pod+",code=503,method=get}", steady(0.3))
		for _, b := range []struct {
			le    string
			share float64
		}{{"0.05", 0.7}, {"0.1", 0.95}, {"0.25", 0.985}, {"0.5", 0.999}, {"+Inf", 1}} {
			w.counter("http_request_duration_seconds_bucket"+pod+",le="+b.le+"}", daily(150*b.share))
		}
		w.counter("http_request_duration_seconds_count"+pod+"}", daily(150))
	}
	// Another service has never had an error.
	w.counter(
		"http_requests_total{job=front,instance=10.0.1.9:8080,namespace=shop,pod=front-0,code=200,method=get}",
		daily(80),
	)
	w.firing("alertname=ErrorBudgetBurn,severity=critical,namespace=shop,job=checkout")
}

// addLogs adds what the ruler of Loki records.
func (w *world) addLogs() {
	for _, container := range []string{"checkout", "worker"} {
		lset := "{namespace=shop,container=" + container + "}"
		w.gauge("container:log_lines:rate5m"+lset, daily(50))
		w.gauge("container:log_bytes:rate5m"+lset, daily(8000))
		w.gauge("container:log_errors:rate5m"+lset, steady(0.5))
		w.gauge("container:log_request_duration_seconds:p99_5m"+lset, daily(0.2))
	}
}

// addClusters adds the metrics that two clusters write into one Mimir.
func (w *world) addClusters() {
	for _, cluster := range []string{"eu1", "us1"} {
		for i := range 3 {
			lset := fmt.Sprintf("{cluster=%s,job=api,namespace=shop,instance=10.0.%d.1:80", cluster, i)
			w.gauge("up"+lset+"}", func(_ time.Time, r *rand.Rand) float64 { return float64(min(1, r.IntN(100))) })
			w.counter("http_requests_total"+lset+",code=200}", daily(100))
		}
		w.gauge("prometheus_tsdb_head_series{cluster="+cluster+",job=prometheus,instance=localhost:9090}", steady(1e6))
	}
}

// writeHistogram writes blocks with the native histogram of a service, because a servers.Series has only floats.
// Latencies are between 50 and 200 ms.
func writeHistogram(dir string, end time.Time) error {
	all := []labels.Labels{
		labelSet("http_request_duration_seconds{job=checkout,instance=10.0.1.1:8080,namespace=shop,pod=checkout-1," +
			"service=checkout}"),
		labelSet("rpc.server.call.duration{service.name=dotted,namespace=shop,rpc.grpc.status_code=0}"),
	}
	r := rand.New(rand.NewPCG(1, 1))
	h := &histogram.Histogram{
		Schema:        0, // buckets double
		PositiveSpans: []histogram.Span{{Offset: -4, Length: 3}},
	}
	counts := []float64{0, 0, 0}
	for day := end.Add(-past); day.Before(end); day = day.Add(24 * time.Hour) {
		w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, (24 * time.Hour).Milliseconds())
		if err != nil {
			return err
		}
		app := w.Appender(context.Background())
		for at := day; at.Before(day.Add(24*time.Hour)) && !at.After(end); at = at.Add(scrape) {
			total := 0.0
			for i, share := range []float64{0.7, 0.28, 0.02} {
				counts[i] = math.Trunc(counts[i] + daily(9000*share)(at, r))
				total += counts[i]
			}
			one := h.Copy()
			one.Count, one.Sum = uint64(total), total*0.1
			one.PositiveBuckets = []int64{int64(counts[0]), int64(counts[1] - counts[0]), int64(counts[2] - counts[1])}
			for _, lset := range all {
				if _, err := app.AppendHistogram(0, lset, at.UnixMilli(), one, nil); err != nil {
					return err
				}
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
		if _, err := w.Flush(context.Background()); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}
