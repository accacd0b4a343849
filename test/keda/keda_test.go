// Package keda_test lets KEDA's own code follow the exporter: its Prometheus scaler and its fallback, with the
// ScaledObject of examples/keda, against a real Prometheus that scrapes a real exporter. A module of its own, for all
// that KEDA brings along.
package keda_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/fallback"
	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/metrics/pkg/apis/external_metrics"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"
)

const example = root + "/examples/keda"

// The triggers of the ScaledObject.
const (
	recommended = iota
	reactive
)

// scaledObject is that of the example, strictly decoded.
func scaledObject(t *testing.T) *kedav1alpha1.ScaledObject {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(example, "scaledobject.yaml"))
	require.NoError(t, err)
	o := &kedav1alpha1.ScaledObject{}
	require.NoError(t, yaml.UnmarshalStrict(text, o))
	require.NoError(t, kedav1alpha1.CheckReplicaCountBoundsAreValid(o))
	require.NoError(t, kedav1alpha1.CheckFallbackValid(o))
	o.Status.ScaleTargetGVKR = &kedav1alpha1.GroupVersionKindResource{
		Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments",
	}
	return o
}

// newScaler is KEDA's scaler for a trigger, as KEDA makes it, but for the address.
func newScaler(t *testing.T, o *kedav1alpha1.ScaledObject, trigger int, address string) scalers.Scaler {
	t.Helper()
	from := o.Spec.Triggers[trigger]
	metadata := map[string]string{}
	for key, value := range from.Metadata {
		metadata[key] = value
	}
	metadata["serverAddress"] = address
	s, err := scalers.NewPrometheusScaler(&scalersconfig.ScalerConfig{
		ScalableObjectName: o.Name, ScalableObjectNamespace: o.Namespace, ScalableObjectType: "ScaledObject", ScaledObject: o,
		TriggerName: from.Name, TriggerType: from.Type, TriggerIndex: trigger, TriggerMetadata: metadata,
		MetricType:        from.MetricType,
		GlobalHTTPTimeout: 3 * time.Second, // KEDA_HTTP_DEFAULT_TIMEOUT
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

// poll is what the HPA asks KEDA for: how many replicas, by this trigger. It asks for the metric over the target.
func poll(t *testing.T, s scalers.Scaler) (replicas float64, active bool, err error) {
	t.Helper()
	spec := s.GetMetricSpecForScaling(t.Context())[0].External
	values, active, err := s.GetMetricsAndActivity(t.Context(), spec.Metric.Name)
	if err != nil {
		return 0, active, err
	}
	require.Len(t, values, 1)
	return values[0].Value.AsApproximateFloat64() / spec.Target.AverageValue.AsApproximateFloat64(), active, nil
}

// published is the number on /metrics.
func published(t *testing.T, e *server, scaler string) (replicas float64, ok bool) {
	t.Helper()
	response, err := http.Get(e.url + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^recommended_replicas\{[^}]*scaler="` + scaler + `"[^}]*\} (\d+)$`)
	found := line.FindStringSubmatch(string(text))
	if found == nil {
		return 0, false
	}
	replicas, err = strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return replicas, true
}

// follows says whether KEDA gets the number that is on /metrics.
func follows(t *testing.T, s scalers.Scaler, e *server, scaler string) error {
	want, ok := published(t, e, scaler)
	if !ok {
		return fmt.Errorf("nothing is recommended")
	}
	if got, _, err := poll(t, s); err != nil || got != want {
		return fmt.Errorf("recommended are %v, KEDA gets %v: %w", want, got, err)
	}
	return nil
}

// deployed is a ScaledObject whose Deployment runs some replicas, as KEDA's fallback needs it.
func deployed(t *testing.T, o *kedav1alpha1.ScaledObject, replicas int32) fallback.ScaledObjectHandler {
	t.Helper()
	scheme := runtime.NewScheme()
	require.NoError(t, appsv1.AddToScheme(scheme))
	require.NoError(t, kedav1alpha1.AddToScheme(scheme))
	o = o.DeepCopy()
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Spec.ScaleTargetRef.Name},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas},
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(o, deployment).WithStatusSubresource(o).Build()
	return fallback.ScaledObjectHandler{Ctx: t.Context(), KubeClient: c, UpdateLock: &sync.RWMutex{}, ScaledObject: o}
}

// pollWithFallback is what KEDA answers the HPA.
func pollWithFallback(t *testing.T, h fallback.ScaledObjectHandler, s scalers.Scaler) (
	replicas float64, fellBack bool, err error,
) {
	t.Helper()
	spec := s.GetMetricSpecForScaling(t.Context())[0]
	name := spec.External.Metric.Name
	values, _, err := s.GetMetricsAndActivity(t.Context(), name)
	var answer []external_metrics.ExternalMetricValue
	if answer, fellBack, err = fallback.GetMetricsWithFallback(h, values, err, name, spec); err != nil {
		return 0, fellBack, err
	}
	return answer[0].Value.AsApproximateFloat64() / spec.External.Target.AverageValue.AsApproximateFloat64(), fellBack, nil
}

func TestKEDA_FollowsTheRecommendationAndFallsBack(t *testing.T) {
	log.SetLogger(logr.Discard())
	begin := time.Now()
	shop := newShop(t, begin)
	p, scrape := shop.startPrometheus(t)
	e := startExporter(t, p)
	scrape(e.url)

	object := scaledObject(t)
	ahead, now := newScaler(t, object, recommended, p.url), newScaler(t, object, reactive, p.url)

	// The number that /metrics shows, and replicas for the ramp before the load has come.
	eventually(t, 3*time.Minute, func() error { return follows(t, ahead, e, "checkout") })
	number, active, err := poll(t, ahead)
	require.NoError(t, err)
	require.True(t, active)
	byLoad, _, err := poll(t, now)
	require.NoError(t, err)
	t.Logf("recommended: %v, by the load now: %.2f", number, byLoad)
	require.Greater(t, number, byLoad+1)

	// While there is no load, and none is forecast, KEDA may scale to zero.
	night := object.DeepCopy()
	metadata := night.Spec.Triggers[recommended].Metadata
	metadata["query"] = strings.ReplaceAll(metadata["query"], `"checkout"`, `"night"`)
	zero := newScaler(t, night, recommended, p.url)
	eventually(t, time.Minute, func() error { return follows(t, zero, e, "night") })
	asked, active, err := poll(t, zero)
	require.NoError(t, err)
	require.Zero(t, asked)
	require.False(t, active, "0 is not active")
	t.Logf("idle at night: %v, active: %t", asked, active)

	// A restart is bridged: KEDA goes on with the last number.
	large, small := deployed(t, object, 9), deployed(t, object, 3)
	e.kill()
	stopped := time.Now()
	time.Sleep(10 * time.Second) // some failed scrapes
	bridged, fellBack, err := pollWithFallback(t, large, ahead)
	require.NoError(t, err)
	require.False(t, fellBack)
	require.InDelta(t, number, bridged, 1, "the last step may have been another")
	t.Logf("the exporter is gone for %s: %v", time.Since(stopped).Round(time.Second), bridged)

	// Then an empty result is an error, not 0.
	eventually(t, 3*time.Minute, func() error {
		if _, _, err := poll(t, ahead); err == nil {
			return fmt.Errorf("KEDA still gets a number")
		}
		return nil
	})
	_, _, err = poll(t, ahead)
	require.ErrorContains(t, err, "the result is empty")
	t.Logf("the exporter is gone for %s: %v", time.Since(stopped).Round(time.Second), err)
	byLoad, _, err = poll(t, now)
	require.NoError(t, err, "the reactive trigger needs no exporter")
	t.Logf("by the load now: %.2f", byLoad)

	for _, c := range []struct {
		name    string
		runs    float64
		handler fallback.ScaledObjectHandler
		keeps   float64
	}{
		{"what runs, if it is more", 9, large, 9},
		{"else the fallback", 3, small, 6},
	} {
		failures := 0
		for range object.Spec.Fallback.FailureThreshold {
			_, fellBack, err = pollWithFallback(t, c.handler, ahead)
			require.Error(t, err, "the HPA gets no value, and so does not scale down")
			require.False(t, fellBack)
			failures++
		}
		kept, fellBack, err := pollWithFallback(t, c.handler, ahead)
		require.NoError(t, err)
		require.True(t, fellBack)
		require.InDelta(t, c.keeps, kept, 0, c.name)
		t.Logf("%v replicas run, %d failures: error; one more: %v", c.runs, failures, kept)
	}

	// It is back.
	e.start(t)
	eventually(t, 3*time.Minute, func() error { return follows(t, ahead, e, "checkout") })
	number, fellBack, err = pollWithFallback(t, small, ahead)
	require.NoError(t, err)
	require.False(t, fellBack)
	name := ahead.GetMetricSpecForScaling(t.Context())[0].External.Metric.Name
	require.Zero(t, *small.ScaledObject.Status.Health[name].NumberOfFailures)
	t.Logf("the exporter is back: %v", number)

	p.kill()
	_, _, err = pollWithFallback(t, small, ahead)
	require.Error(t, err, "Prometheus is gone")
	t.Logf("Prometheus is gone: %v", err)
}
