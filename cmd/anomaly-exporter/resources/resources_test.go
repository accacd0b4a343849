package resources_test

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/anomaly-exporter/anomaly-exporter/cmd/anomaly-exporter/resources"
	"github.com/anomaly-exporter/anomaly-exporter/detector"
	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
	"github.com/anomaly-exporter/anomaly-exporter/test/storage"
)

var update = flag.Bool("update", false, "write the golden file that test/kubernetes reads, too")

var spacesAtEnd = regexp.MustCompile(`(?m) +$`)

const golden = "testdata/requests.yaml"

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// end is the time of the newest samples.
var end = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

const mib = 1 << 20

// cluster collects the series of kube-state-metrics and cAdvisor.
type cluster struct{ all []servers.Series }

func (c *cluster) add(metric string, value func(at time.Time) float64, nameValues ...string) {
	c.all = append(c.all, servers.Series{
		Labels: labels.FromStrings(append([]string{labels.MetricName, metric, "job", "x"}, nameValues...)...),
		Samples: func(yield func(int64, float64) bool) {
			for at := end.Add(-3 * 24 * time.Hour); !at.After(end); at = at.Add(5 * time.Minute) {
				if !yield(at.UnixMilli(), value(at)) {
					return
				}
			}
		},
	})
}

func always(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// daily goes from low to high and back every day.
func daily(low, high float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		return low + (high-low)*(1-math.Cos(2*math.Pi*float64(at.Unix())/86400))/2
	}
}

// amounts are cores and bytes; 0: none.
type amounts struct{ cpu, memory float64 }

// pod adds a pod with one container in the phase Running.
func (c *cluster) pod(pod, container, kind, owner string, requests, limits amounts) {
	of := []string{"namespace", "shop", "pod", pod, "container", container}
	c.add("kube_pod_container_info", always(1), of...)
	c.add("kube_pod_status_phase", always(1), "namespace", "shop", "pod", pod, "phase", "Running")
	c.add("kube_pod_status_phase", always(0), "namespace", "shop", "pod", pod, "phase", "Failed")
	c.add("kube_pod_owner", always(1), "namespace", "shop", "pod", pod, "owner_kind", kind, "owner_name", owner)
	for metric, amounts := range map[string]amounts{
		"kube_pod_container_resource_requests": requests, "kube_pod_container_resource_limits": limits,
	} {
		if amounts.cpu > 0 {
			c.add(metric, always(amounts.cpu), append(of, "resource", "cpu", "unit", "core")...)
		}
		if amounts.memory > 0 {
			c.add(metric, always(amounts.memory), append(of, "resource", "memory", "unit", "byte")...)
		}
	}
}

func (c *cluster) usage(pod, container string, cores, bytes func(time.Time) float64) {
	of := []string{"namespace", "shop", "pod", pod, "container", container}
	c.add("cores", cores, of...)
	c.add("container_memory_working_set_bytes", bytes, of...)
}

// shop is a namespace with one workload for each thing that matters.
func shop() *cluster {
	c := &cluster{}
	c.add("kube_replicaset_owner", always(1), "namespace", "shop", "replicaset", "api-6d4f", "owner_kind", "Deployment",
		"owner_name", "api")
	for _, pod := range []string{"api-6d4f-a", "api-6d4f-b"} { // asks for much more than it uses
		c.pod(pod, "api", "ReplicaSet", "api-6d4f", amounts{2, 1024 * mib}, amounts{4, 2048 * mib})
		c.usage(pod, "api", daily(0.1, 0.4), daily(150*mib, 200*mib))
	}
	c.pod("db-0", "db", "StatefulSet", "db", amounts{}, amounts{0, 512 * mib}) // asks for nothing, and is near its limit
	c.usage("db-0", "db", daily(0.5, 0.6), daily(400*mib, 500*mib))
	for _, name := range []string{"left", "right"} { // a container of the same name
		c.pod(name+"-0", "proxy", "StatefulSet", name, amounts{0.1, 64 * mib}, amounts{})
		c.usage(name+"-0", "proxy", daily(0.01, 0.02), daily(10*mib, 20*mib))
	}
	c.pod("good-0", "good", "StatefulSet", "good", amounts{0.12, 120 * mib}, amounts{}) // asks for what it needs
	c.usage("good-0", "good", always(0.1), always(100*mib))
	c.pod("roll-x", "roll", "Rollout", "roll", amounts{1, 0}, amounts{}) // kustomize would replace its list of containers
	c.usage("roll-x", "roll", always(0.1), always(100*mib))
	c.pod("job-x", "job", "Job", "job", amounts{1, 0}, amounts{})
	c.usage("job-x", "job", always(0.1), always(100*mib))
	// What remains of an evicted pod is no third one.
	of := []string{"namespace", "shop", "pod", "api-6d4f-z", "container", "api"}
	c.add("kube_pod_container_info", always(1), of...)
	c.add("kube_pod_status_phase", always(1), "namespace", "shop", "pod", "api-6d4f-z", "phase", "Failed")
	c.add("kube_pod_owner", always(1), "namespace", "shop", "pod", "api-6d4f-z", "owner_kind", "ReplicaSet",
		"owner_name", "api-6d4f")
	c.add("kube_pod_container_resource_requests", always(8), append(of, "resource", "cpu", "unit", "core")...)
	return c
}

const scalers = `
scalers:
  - name: requests
    resources:
      cpu: max by (namespace, container) (cores)
      memory: max by (namespace, container) (container_memory_working_set_bytes)
  - {name: load, load: sum(nothing), capacity_per_replica: 1, max_replicas: 2}
detectors: [{name: nothing, expr: nothing}]
`

// runner runs the command against a Prometheus with the series of a cluster.
type runner struct {
	t   *testing.T
	url string
}

func start(t *testing.T, c *cluster) runner {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts a real Prometheus")
	}
	dir := t.TempDir()
	require.NoError(t, servers.WriteBlocks(dir, func(yield func(servers.Series) bool) {
		for _, s := range c.all {
			if !yield(s) {
				return
			}
		}
	}))
	prometheus, err := servers.StartPrometheus(t.Context(), servers.PrometheusOptions{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prometheus.Stop()) })
	return runner{t, prometheus.URL()}
}

func (r runner) run(config string, c resources.Command) (stdout, stderr string, err error) {
	r.t.Helper()
	c.ConfigFile = filepath.Join(r.t.TempDir(), "config.yml")
	text := fmt.Sprintf("remote_read: [{url: %s/api/v1/read}]\nglobal: {history: 2d, step: 5m, query_offset: 0s}\n", r.url)
	require.NoError(r.t, os.WriteFile(c.ConfigFile, []byte(text+config), 0o600))
	var out, remarks bytes.Buffer
	err = c.Run(r.t.Context(), resources.Environment{
		Stdout: &out, Stderr: &remarks, Logger: log.NewNopLogger(), Engine: storage.NewEngine(5*time.Minute, 5e6),
		Limits: detector.NewLimits(runtime.GOMAXPROCS(0)), MaxConcurrency: 2, Now: end,
	})
	return out.String(), remarks.String(), err
}

func TestResources_ComparesAndWritesPatches(t *testing.T) {
	r := start(t, shop())
	table := resources.Command{Output: "table", MinChange: 0.1}

	out, remarks, err := r.run(scalers, table)
	require.NoError(t, err)
	require.Equal(t, `
namespace  workload           container  pods  resource  request  recommended  change  note
shop       Deployment/api     api        2     cpu       2        460m         -77 %
shop       Deployment/api     api        2     memory    1Gi      230Mi        -78 %
shop       Rollout/roll       roll       1     cpu       1        116m                 kustomize does not know this kind
shop       Rollout/roll       roll       1     memory    -        115Mi                kustomize does not know this kind
shop       StatefulSet/db     db         1     cpu       -        690m         new
shop       StatefulSet/db     db         1     memory    -        575Mi        new     limit 512Mi
shop       StatefulSet/good   good       1     cpu       120m     116m
shop       StatefulSet/good   good       1     memory    120Mi    115Mi
shop       StatefulSet/left   proxy      1     cpu       100m     23m                  shared with 1 other workload
shop       StatefulSet/left   proxy      1     memory    64Mi     23Mi                 shared with 1 other workload
shop       StatefulSet/right  proxy      1     cpu       100m     23m                  shared with 1 other workload
shop       StatefulSet/right  proxy      1     memory    64Mi     23Mi                 shared with 1 other workload

4 changes of 12 requests
`, "\n"+spacesAtEnd.ReplaceAllString(out, ""))
	require.Equal(t, "2 of 12 recommendations are for no running container of a workload, the first is cpu of "+
		"{container=\"job\", namespace=\"shop\", scaler=\"requests\"}. They need the labels namespace and container of "+
		"kube-state-metrics.\n", remarks)

	patches, remarks, err := r.run(scalers, resources.Command{Output: "kustomize", MinChange: 0.1})
	require.NoError(t, err)
	require.Contains(t, remarks, "left out: shop/StatefulSet/left/proxy: 23m of cpu: shared with 1 other workload\n")
	require.Contains(t, remarks, "\nshop/StatefulSet/db/db: 575Mi of memory: limit 512Mi\n")
	require.NotContains(t, remarks, "good")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(patches), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), patches)

	t.Run("cost", func(t *testing.T) {
		table := table
		table.CoreHour, table.GiBHour, table.Match = 0.03, 0.004, `{container=~"api|db"}`
		out, remarks, err := r.run(scalers, table)
		require.NoError(t, err)
		require.Empty(t, remarks)
		// 2 pods * 2 cores * 0.03 * 730 h; 2 pods * 1 GiB * 0.004 * 730 h. The page shows the same.
		require.Equal(t, `
namespace  workload        container  pods  resource  request  recommended  change  cost a month  then   note
shop       Deployment/api  api        2     cpu       2        460m         -77 %   87.60         20.15
shop       Deployment/api  api        2     memory    1Gi      230Mi        -78 %   5.84          1.31
shop       StatefulSet/db  db         1     cpu       -        690m         new     0.00          15.11
shop       StatefulSet/db  db         1     memory    -        575Mi        new     0.00          1.46   limit 512Mi

4 changes of 4 requests; cost a month: 93.44 now, 38.03 then
`, "\n"+spacesAtEnd.ReplaceAllString(out, ""))
		page, err := os.ReadFile("../../../docs/autoscaling.md")
		require.NoError(t, err)
		for line := range strings.Lines(spacesAtEnd.ReplaceAllString(out, "")) {
			require.Contains(t, string(page), line)
		}
	})
	t.Run("small changes", func(t *testing.T) {
		out, _, err := r.run(scalers, resources.Command{Output: "kustomize", Match: `{container="good"}`})
		require.NoError(t, err)
		require.Contains(t, out, "cpu: 116m\n")
		require.Contains(t, out, "memory: 115Mi\n")
		out, remarks, err := r.run(scalers, resources.Command{
			Output: "kustomize", Match: `{container="good"}`, MinChange: 0.1,
		})
		require.NoError(t, err)
		require.Empty(t, out)
		require.Equal(t, "nothing to change\n", remarks)
	})
	// With a label of the pod or of the workload, containers of the same name are told apart.
	for name, by := range map[string]string{
		"by pod":      "pod, container) (cores)",
		"by workload": `workload, container) (label_replace(cores, "workload", "$1", "pod", "(.*)-.*"))`,
		"by kind":     `statefulset, container) (label_replace(cores, "statefulset", "$1", "pod", "(.*)-.*"))`,
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("scalers: [{name: requests, resources: {cpu: 'max by (namespace, %s'}}]", by)
			table := table
			table.Match = `{container="proxy"}`
			out, remarks, err := r.run(text, table)
			require.NoError(t, err)
			require.Empty(t, remarks)
			require.Equal(t, 2, strings.Count(out, "-77 %"), out)
			require.Contains(t, out, "\n2 changes of 2 requests\n")
		})
	}
	for name, tc := range map[string]struct {
		config string
		c      resources.Command
		want   string
	}{
		"no resources": {
			"scalers: [{name: load, load: sum(x), capacity_per_replica: 1, max_replicas: 2}]", table,
			"the configuration has no scaler with resources; docs/autoscaling.md has one",
		},
		"no series": {
			"scalers: [{name: x, resources: {cpu: nothing}}]", table,
			"nothing is recommended: the expressions of the scalers have no series now, or --match fits none",
		},
		"no pods": {
			scalers,
			resources.Command{Match: `{namespace="none"}`},
			"kube_pod_owner has no series of workloads now: does the server scrape kube-state-metrics, with its own labels " +
				"(honor_labels), and does --match fit?",
		},
		"no containers": {
			scalers,
			resources.Command{Match: `{container="none"}`},
			"kube_pod_container_info and kube_pod_container_resource_requests have no series now: does the server scrape " +
				"kube-state-metrics, and does --match fit?",
		},
		"no selector":    {scalers, resources.Command{Match: "rate(x[5m])"}, "--match: "},
		"negative price": {scalers, resources.Command{CoreHour: -1}, "--min-change and prices cannot be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := r.run(tc.config, tc.c)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// A container with too little history is told of, and keeps what it requests.
func TestResources_TellsWhyNothingIsRecommended(t *testing.T) {
	c := &cluster{}
	c.pod("new-0", "new", "StatefulSet", "new", amounts{1, 0}, amounts{})
	c.add("cores", func(at time.Time) float64 {
		if at.Before(end.Add(-time.Hour)) {
			return math.NaN()
		}
		return 0.1
	}, "namespace", "shop", "pod", "new-0", "container", "new")
	config := "scalers: [{name: x, resources: {cpu: cores}}]"
	r := start(t, c)
	out, _, err := r.run(config, resources.Command{Output: "table"})
	require.NoError(t, err)
	require.Regexp(t, `\n.* 1 +- +learning: short_history\n\n0 changes of 1 request\n$`, out)
	out, remarks, err := r.run(config, resources.Command{Output: "kustomize"})
	require.NoError(t, err)
	require.Empty(t, out)
	require.Equal(t, "left out: shop/StatefulSet/new/new: - of cpu: learning: short_history\nnothing to change\n", remarks)
}
