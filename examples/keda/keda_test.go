// Package keda_test checks that the ScaledObject matches the configuration of the exporter.
package keda_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

type scaledObject struct {
	Kind string `yaml:"kind"`
	Spec struct {
		MinReplicaCount int `yaml:"minReplicaCount"`
		MaxReplicaCount int `yaml:"maxReplicaCount"`
		Fallback        struct {
			Replicas int    `yaml:"replicas"`
			Behavior string `yaml:"behavior"`
		} `yaml:"fallback"`
		Triggers []struct {
			Type       string            `yaml:"type"`
			MetricType string            `yaml:"metricType"`
			Metadata   map[string]string `yaml:"metadata"`
		} `yaml:"triggers"`
	} `yaml:"spec"`
}

func TestScaledObject_MatchesTheScaler(t *testing.T) {
	cfg, err := config.LoadFile("anomaly-exporter.yml")
	require.NoError(t, err)
	scaler := cfg.Scalers[0]
	text, err := os.ReadFile("scaledobject.yaml")
	require.NoError(t, err)
	var o scaledObject
	require.NoError(t, yaml.Unmarshal(text, &o))

	require.Equal(t, "ScaledObject", o.Kind)
	require.Equal(t, scaler.MinReplicas, o.Spec.MinReplicaCount)
	require.Equal(t, scaler.MaxReplicas, o.Spec.MaxReplicaCount)
	require.Greater(t, o.Spec.Fallback.Replicas, scaler.MinReplicas)
	require.Equal(t, "currentReplicasIfHigher", o.Spec.Fallback.Behavior)

	promql := parser.NewParser(parser.Options{})
	for _, trigger := range o.Spec.Triggers[:2] {
		require.Equal(t, "prometheus", trigger.Type)
		require.Equal(t, "AverageValue", trigger.MetricType)
		require.Equal(t, "1", trigger.Metadata["threshold"])
		require.Equal(t, "false", trigger.Metadata["ignoreNullValues"], "an empty result is not zero")
		require.Equal(
			t, strings.TrimSuffix(cfg.RemoteRead[0].URL.String(), "/api/v1/read"), trigger.Metadata["serverAddress"],
		)
		_, err := promql.ParseExpr(trigger.Metadata["query"])
		require.NoError(t, err)
	}
	require.Equal(
		t, fmt.Sprintf(`max(last_over_time(recommended_replicas{scaler=%q}[2m]))`, scaler.Name),
		o.Spec.Triggers[0].Metadata["query"],
	)
	require.Equal(
		t, fmt.Sprintf("%s / %v", scaler.Load, scaler.CapacityPerReplica.Value), o.Spec.Triggers[1].Metadata["query"],
	)
	require.Equal(t, "cpu", o.Spec.Triggers[2].Type)
}
