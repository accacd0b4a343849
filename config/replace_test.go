package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/config"
)

func TestReplace_TakesDetectorsAndScalersOnly(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("hidden"), 0o600))
	cfg, err := config.Load([]byte("remote_read: [{url: http://localhost:9090/api/v1/read}]"), "test.yml")
	require.NoError(t, err)
	for text, want := range map[string]string{
		"remote_read: [{url: http://169.254.169.254/}]\ndetectors: []": `my.yml:1: remote_read: unknown key`,
		"global: {step: 1s}":                                           `my.yml:1: global: unknown key`,
		"outcomes: {truth: {expr: x}}":                                 `my.yml:1: outcomes: unknown key`,
		"detectors: [{name: x, expr: x, url: x}]":                      `my.yml:1: detector "x": url: unknown key`,
		"detectors:\n  - name: x\n    expr: sum(":                      `my.yml:3: detector "x": expr: .*`,
		"detectors: [{name: x, expr: x, secret_file: " + secret + "}]": `my.yml:1: detector "x": secret_file: unknown key`,
		"": `my.yml:1: the file is empty`,
	} {
		_, err := cfg.Replace([]byte(text), "my.yml")
		require.Error(t, err, text)
		require.Regexp(t, "^"+want+"$", err.Error())
	}
}
