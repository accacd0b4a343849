package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/anomaly-exporter/anomaly-exporter/test/servers"
)

func systemd(t *testing.T, args ...string) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze")
	}
	out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "Unknown key")
}

func TestUnit_PassesSystemdAnalyze(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("systemd/anomaly-exporter.service")
	require.NoError(t, err)
	// verify wants the program and the man page to be there.
	here, err := os.Executable()
	require.NoError(t, err)
	unit := strings.Replace(string(text), "/usr/bin/anomaly-exporter", here, 1)
	require.NotEqual(t, string(text), unit)
	file := filepath.Join(t.TempDir(), "anomaly-exporter.service")
	require.NoError(t, os.WriteFile(file, []byte(unit), 0o600))
	systemd(t, "verify", "--man=no", file)
	// In tenths. It has 14; what is left is the network, mostly.
	systemd(t, "security", "--offline=true", "--threshold=15", "--no-pager", file)
}

func TestUnit_PassesFlagsThatExist(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs the built program")
	}
	text, err := os.ReadFile("systemd/anomaly-exporter.default")
	require.NoError(t, err)
	flags := regexp.MustCompile(`--[a-z.-]+=[^\s"]+`).FindAllString(string(text), -1)
	require.Len(t, flags, 2)
	root, err := servers.Root()
	require.NoError(t, err)
	missing := filepath.Join(t.TempDir(), "missing.yml")
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, ".build", "anomaly-exporter"),
		append(flags, "--config.file="+missing)...)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 1, cmd.ProcessState.ExitCode(), "not 2, which is for usage: %s", out)
	require.Contains(t, string(out), "missing.yml")
}
